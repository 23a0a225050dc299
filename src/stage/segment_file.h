// One segment file on disk: making, opening, and whether it can be written past the page cache. Blocking.
#pragma once

#include <cstdint>
#include <string>

#include <penstock/result.h>

#include "base/types.h"
#include "base/unique_fd.h"
#include "stage/format.h"

namespace penstock::stage {

// With O_DIRECT, or through the page cache.
enum class Access : std::uint8_t { direct, buffered };

struct AccessChoice {
  Access access = Access::buffered;

  // Why it is not direct, for people. Empty if it is.
  std::string note;
};

// What statx(STATX_DIOALIGN) said of a file: `known` false where the kernel (before 6.1) or the file system
// does not say. All zeros: O_DIRECT is not possible.
struct DirectAlignment {
  bool known = false;
  std::uint32_t memory_bytes = 0;
  std::uint32_t offset_bytes = 0;
};

// Pure: the choice by alignment alone.
AccessChoice choose_access(const DirectAlignment& alignment);

// Finds out by writing a block into a file of its own in `directory`. Error: nothing can be written there.
Result<AccessChoice> probe_access(const std::string& directory);

// A block of memory that O_DIRECT takes.
struct alignas(k_block_bytes) Block {
  std::byte bytes[k_block_bytes];
};

// Opens an existing file to be read and written. A symbolic link is refused.
Result<UniqueFd> open_segment_file(const std::string& path, Access access);

// A new file without a header, of zeros that take no write. Its room is reserved, so that a full disk is
// known now and not in the middle, except where the file system cannot do that. On an error no file is left.
// Blocks for some milliseconds: a few metadata operations.
Result<UniqueFd> make_segment_file(const std::string& path, std::uint64_t segment_bytes, Access access);

}  // namespace penstock::stage
