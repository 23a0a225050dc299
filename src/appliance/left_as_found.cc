#include "appliance/left_as_found.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace penstock::appliance {

LeftAsFound::LeftAsFound(const std::string& path) {
  std::size_t end = 0;
  do {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    struct stat status {};
    if (!part.empty() && !part.ends_with('/') && ::lstat(part.c_str(), &status) != 0 && errno == ENOENT) {
      absent_.push_back(part);
    }
  } while (end != std::string::npos);
}

LeftAsFound::~LeftAsFound() {
  for (auto part = absent_.rbegin(); part != absent_.rend(); ++part) {
    ::rmdir(part->c_str());
  }
}

}  // namespace penstock::appliance
