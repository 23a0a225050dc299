// The status page's own files (src/admin/page), which the build puts into the program.
#pragma once

#include <string_view>

namespace penstock::admin {

struct PageFile {
  std::string_view path;  // "/", "/page.css"
  std::string_view content_type;
  std::string_view text;
};

// Null: there is no such file.
const PageFile* page_file(std::string_view path);

}  // namespace penstock::admin
