// The stage directory: made, locked, and kept free of what is not ours.
//
//   <dir>/lock                      held with flock while a penstock uses the directory
//   <dir>/segment-00000001.stage    segments
//   <dir>/aside/                    files found here that are no segments of ours: moved, never deleted
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/unique_fd.h"

namespace penstock::stage {

std::string segment_name(std::uint32_t number);

// The number in a segment's name; nothing for any other name.
std::optional<std::uint32_t> segment_number(std::string_view name);

// Movable. The lock is held as long as the object lives, and goes with the process if that is killed.
class Directory {
 public:
  // Makes the directory and its parents, and locks it. Error forbidden: another process holds the lock.
  static Result<Directory> open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view name) const;

  // The names of the regular files and links in it, sorted, without the lock.
  Result<std::vector<std::string>> files() const;

  // Returns the sentence that tells of it. Error: the file is still where it was.
  Result<std::string> move_aside(const std::string& name, std::string_view reason) const;

 private:
  Directory(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;
};

}  // namespace penstock::stage
