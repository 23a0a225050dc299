// Whether a file is another one than it was: what changes when it is written, or when another takes its place,
// also behind a link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include <sys/stat.h>

namespace penstock {

// Device, inode, time of the last change of the content (seconds, nanoseconds), size.
using FileMark = std::tuple<dev_t, ino_t, std::int64_t, std::int64_t, off_t>;

// None: there is no such file, or it may not be looked at.
inline std::optional<FileMark> mark_of(const std::string& file) {
  struct stat seen {};
  if (::stat(file.c_str(), &seen) != 0) {
    return std::nullopt;
  }
  return FileMark{seen.st_dev, seen.st_ino, seen.st_mtim.tv_sec, seen.st_mtim.tv_nsec, seen.st_size};
}

}  // namespace penstock
