// Directories that a trial makes, and that are gone when it is over.
#pragma once

#include <string>
#include <vector>

namespace penstock::appliance {

class LeftAsFound {
 public:
  // Notes which directories of `path`, itself included, are not there.
  explicit LeftAsFound(const std::string& path);

  // Removes those that are there now and empty.
  ~LeftAsFound();
  LeftAsFound(const LeftAsFound&) = delete;
  LeftAsFound& operator=(const LeftAsFound&) = delete;

 private:
  std::vector<std::string> absent_;  // the outermost first
};

}  // namespace penstock::appliance
