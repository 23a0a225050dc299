// The stage directory: made, locked, and kept free of what is not ours.
//
//   <dir>/lock                      held with flock while a penstock uses the directory
//   <dir>/segment-00000001.stage    segments
//   <dir>/aside/                    files found here that are no segments of ours: moved, and kept within
//                                   bounds
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "base/unique_fd.h"

namespace penstock::stage {

// The directory and its parents, readable by the group at most. One that is there already is left as it is.
Result<void> make_directories(const std::string& path);

std::string segment_name(std::uint32_t number);

// The number in a segment's name; nothing for any other name.
std::optional<std::uint32_t> segment_number(std::string_view name);

// What is kept of files that were moved aside: four segments of 64 MiB, or so many small ones. The oldest go
// first, and never the one that was moved last.
inline constexpr std::size_t k_aside_files_max = 32;
inline constexpr std::uint64_t k_aside_bytes_max = std::uint64_t{256} << 20;

// Movable. The lock is held as long as the object lives, and goes with the process if that is killed.
class Directory {
 public:
  // Makes the directory and its parents, and locks it. Error forbidden: another process holds the lock.
  static Result<Directory> open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view name) const;

  // The names of the regular files and links in it, sorted, without the lock.
  Result<std::vector<std::string>> files() const;

  // Returns the sentence that tells of it, and of what had to make room. Error: the file is still where it
  // was.
  Result<std::string> move_aside(const std::string& name, std::string_view reason) const;

 private:
  friend Result<std::string> remove_stage(const std::string& path);
  std::string make_room_aside(std::string_view kept) const;

  Directory(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;
};

// Removes a stage that no worker has any more: its segments, its lock, and the directory if that is all there
// was in it. Returns the sentence that tells of it. Empty: nothing was done, as there is no stage there, or
// another process has it. Blocking.
Result<std::string> remove_stage(const std::string& path);

}  // namespace penstock::stage
