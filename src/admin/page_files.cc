#include "admin/page_files.h"

#include <algorithm>
#include <array>

namespace penstock::admin {

// Made by the build of the files in src/admin/page (src/CMakeLists.txt).
extern const std::string_view k_page_html;
extern const std::string_view k_page_css;
extern const std::string_view k_page_js;

const PageFile* page_file(std::string_view path) {
  static const std::array<PageFile, 3> files{{
      {"/", "text/html; charset=utf-8", k_page_html},
      {"/page.css", "text/css; charset=utf-8", k_page_css},
      {"/page.js", "text/javascript; charset=utf-8", k_page_js},
  }};
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const PageFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : found;
}

}  // namespace penstock::admin
