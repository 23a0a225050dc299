#include "sim/sim_disk.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace penstock::sim {
namespace {

constexpr std::uint64_t k_block = 4096;

std::uint64_t inode_of(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

std::int32_t SimDisk::write(int fd, Bytes bytes, std::uint64_t offset) {
  if (remembers_) {
    const std::uint64_t inode = inode_of(fd);
    for (std::uint64_t block = offset / k_block; block * k_block < offset + bytes.size(); ++block) {
      const auto [place, is_new] = unsynced_.try_emplace({inode, block}, Former{fd, {}});
      if (is_new) {
        std::string& former = place->second.bytes;
        former.resize(k_block);
        const ssize_t got = ::pread(fd, former.data(), k_block, static_cast<off_t>(block * k_block));
        former.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      }
    }
  }
  const ssize_t done = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  return done < 0 ? -errno : static_cast<std::int32_t>(done);
}

std::int32_t SimDisk::read(int fd, MutableBytes bytes, std::uint64_t offset) {
  const ssize_t done = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  return done < 0 ? -errno : static_cast<std::int32_t>(done);
}

std::int32_t SimDisk::sync(int fd) {
  if (remembers_) {
    const std::uint64_t inode = inode_of(fd);
    std::erase_if(unsynced_, [inode](const auto& each) { return each.first.inode == inode; });
  }
  return 0;
}

void SimDisk::tear(int fd, Bytes bytes, std::uint64_t offset) {
  const std::uint64_t shape = random_.below(4);
  if (shape == 0) {
    return;
  }
  for (std::uint64_t at = 0; at < bytes.size(); at += k_block) {
    if (shape == 1 || random_.chance(0.5)) {
      write(fd, bytes.subspan(at, std::min<std::uint64_t>(k_block, bytes.size() - at)), offset + at);
    } else if (shape == 2) {
      return;
    }
  }
}

void SimDisk::lose_unsynced() {
  for (const auto& [place, former] : unsynced_) {
    // A file that is gone may have left its descriptor's number to another.
    if (random_.chance(0.5) && inode_of(former.fd) == place.inode) {
      [[maybe_unused]] const ssize_t done = ::pwrite(former.fd, former.bytes.data(), former.bytes.size(),
                                                     static_cast<off_t>(place.block * k_block));
    }
  }
  unsynced_.clear();
}

}  // namespace penstock::sim
