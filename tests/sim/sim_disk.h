// The disk of one host: real files, with a memory of what a power failure would take back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/types.h"
#include "sim/sim_random.h"

namespace penstock::sim {

class SimDisk {
 public:
  explicit SimDisk(Random random) : random_(random) {}

  // Whether the power may fail: only then are the former contents remembered.
  void remember(bool yes) { remembers_ = yes; }

  // As pwrite and pread: bytes done, or -errno.
  std::int32_t write(int fd, Bytes bytes, std::uint64_t offset);
  std::int32_t read(int fd, MutableBytes bytes, std::uint64_t offset);
  std::int32_t sync(int fd);

  // A write that was under way when its process died: nothing of it, a part, or all of it.
  void tear(int fd, Bytes bytes, std::uint64_t offset);

  // The power fails, while the files are still open: each block that was not synced may be what it was.
  void lose_unsynced();

 private:
  struct Place {
    std::uint64_t inode;
    std::uint64_t block;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Former {
    int fd;
    std::string bytes;
  };

  Random random_;
  bool remembers_ = false;
  std::map<Place, Former> unsynced_;
};

}  // namespace penstock::sim
