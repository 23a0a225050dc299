#include "app/landed_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/concat.h"

namespace penstock::app {
namespace {

namespace fs = std::filesystem;

bool hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

std::vector<fs::path> visible_files(const std::string& dir, std::error_code& error) {
  std::vector<fs::path> files;
  fs::recursive_directory_iterator at(dir, error);
  while (!error && at != fs::recursive_directory_iterator()) {
    if (hidden(at->path())) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file(error)) {
      files.push_back(at->path());
    }
    at.increment(error);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<Landed> count_landed(const std::string& dir) {
  std::error_code error;
  const std::vector<fs::path> files = visible_files(dir, error);
  if (error) {
    return make_error(ErrorKind::io, Action::give_up, concat("reading ", dir, ": ", error.message()));
  }
  Landed landed;
  std::vector<char> buffer(1 << 20);
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0) {
      landed.bytes += static_cast<std::uint64_t>(file.gcount());
      landed.lines +=
          static_cast<std::uint64_t>(std::count(buffer.begin(), buffer.begin() + file.gcount(), '\n'));
    }
    ++landed.files;
  }
  if (!files.empty()) {
    landed.first_file = files.front().string();
  }
  return landed;
}

}  // namespace penstock::app
