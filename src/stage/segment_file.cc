// How it works. Whether O_DIRECT can be used is asked twice: of the kernel, by statx(STATX_DIOALIGN), and
// by writing one block, because what a file system says of itself is not always so. A file system that does
// not know O_DIRECT (tmpfs before Linux 6.6) answers EINVAL. The stage then goes through the page cache and
// says so.
//
// A new file gets its room by fallocate, and no byte is written: the file system keeps in mind which blocks
// still read as zeros. A process that is killed before the header is written leaves a file that recovery
// recognizes and removes. Where fallocate is not supported the file only gets its length, and each write
// takes its own room.
#include "stage/segment_file.h"

#include <cerrno>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "stage/transfer.h"

namespace penstock::stage {
namespace {

constexpr mode_t k_file_mode = 0640;

int flags_of(Access access) {
  return O_RDWR | O_CLOEXEC | O_NOFOLLOW | (access == Access::direct ? O_DIRECT : 0);
}

DirectAlignment alignment_of([[maybe_unused]] int fd) {
#if defined(STATX_DIOALIGN)
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
      (status.stx_mask & STATX_DIOALIGN) != 0) {
    return {
        .known = true, .memory_bytes = status.stx_dio_mem_align, .offset_bytes = status.stx_dio_offset_align};
  }
#endif
  return {};
}

// 0, or the errno of writing one block with O_DIRECT: what a file system says of itself is not always so.
int try_direct_write(const std::string& path, const Block& block) {
  const UniqueFd fd(::open(path.c_str(), flags_of(Access::direct)));
  return fd.valid() ? write_all_now(fd.get(), block.bytes, 0) : errno;
}

// 0, or an errno.
int take_room(int fd, std::uint64_t bytes) {
  const auto size = static_cast<off_t>(bytes);
  int error = 0;
  do {
    error = ::fallocate(fd, 0, 0, size) == 0 ? 0 : errno;
  } while (error == EINTR);
  if (error == EOPNOTSUPP) {
    error = ::ftruncate(fd, size) == 0 ? 0 : errno;
  }
  return error;
}

}  // namespace

AccessChoice choose_access(const DirectAlignment& alignment) {
  if (!alignment.known) {
    return {.access = Access::direct, .note = {}};
  }
  if (alignment.offset_bytes == 0) {
    return {.access = Access::buffered, .note = "the file system does not support O_DIRECT"};
  }
  if (k_block_bytes % alignment.offset_bytes != 0 || k_block_bytes % alignment.memory_bytes != 0) {
    return {.access = Access::buffered,
            .note = concat("the device wants O_DIRECT in units of ", alignment.offset_bytes,
                           " bytes (memory: ", alignment.memory_bytes, "), and the stage writes units of ",
                           k_block_bytes)};
  }
  return {.access = Access::direct, .note = {}};
}

Result<AccessChoice> probe_access(const std::string& directory) {
  const std::string path = directory + "/direct-probe.tmp";
  ::unlink(path.c_str());
  const UniqueFd fd(::open(path.c_str(), flags_of(Access::buffered) | O_CREAT | O_EXCL, k_file_mode));
  if (!fd.valid()) {
    return os_error(errno, concat("writing into the stage directory ", directory));
  }
  AccessChoice choice = choose_access(alignment_of(fd.get()));
  const auto block = std::make_unique<Block>();
  const int error = choice.access == Access::direct ? try_direct_write(path, *block)
                                                    : write_all_now(fd.get(), block->bytes, 0);
  ::unlink(path.c_str());
  if (choice.access == Access::direct && error == EINVAL) {
    return AccessChoice{.access = Access::buffered, .note = "the file system refuses O_DIRECT (EINVAL)"};
  }
  if (error != 0) {
    return os_error(error, concat("writing into the stage directory ", directory));
  }
  return choice;
}

Result<UniqueFd> open_segment_file(const std::string& path, Access access) {
  UniqueFd fd(::open(path.c_str(), flags_of(access)));
  if (!fd.valid()) {
    return os_error(errno, concat("opening the stage file ", path));
  }
  return fd;
}

Result<UniqueFd> make_segment_file(const std::string& path, std::uint64_t segment_bytes, Access access) {
  const std::string what = concat("making the stage file ", path, " of ", segment_bytes, " bytes");
  UniqueFd fd(::open(path.c_str(), flags_of(access) | O_CREAT | O_EXCL, k_file_mode));
  if (!fd.valid()) {
    return os_error(errno, what);
  }
  if (const int error = take_room(fd.get(), segment_bytes); error != 0) {
    ::unlink(path.c_str());
    return os_error(error, what);
  }
  return fd;
}

}  // namespace penstock::stage
