// How it works. Whether O_DIRECT can be used is asked twice: of the kernel, by statx(STATX_DIOALIGN), and
// by writing one block, because what a file system says of itself is not always so. A file system that does
// not know O_DIRECT (tmpfs before Linux 6.6) answers EINVAL. The stage then goes through the page cache and
// says so.
//
// A new file gets its header first, in state filling, then its room by fallocate. A process that is killed
// in between leaves a file that recovery recognizes and removes.
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
constexpr std::size_t k_zeros_bytes = std::size_t{1} << 20;

// Not const: a constant array of zeros would be a megabyte of the binary instead of .bss.
alignas(k_block_bytes) std::byte zero_bytes[k_zeros_bytes];

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
int try_direct_write(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), flags_of(Access::direct)));
  return fd.valid() ? write_all_now(fd.get(), zeros().first(k_block_bytes), 0) : errno;
}

}  // namespace

Bytes zeros() {
  return zero_bytes;
}

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
  const int error = choice.access == Access::direct
                        ? try_direct_write(path)
                        : write_all_now(fd.get(), zeros().first(k_block_bytes), 0);
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
  const auto block = std::make_unique<Block>();
  encode_segment_header({.sequence = 0, .segment_bytes = segment_bytes, .state = FillState::filling},
                        block->bytes);
  int error = write_all_now(fd.get(), block->bytes, 0);
  if (error == 0) {
    error = ::fallocate(fd.get(), 0, 0, static_cast<off_t>(segment_bytes)) == 0 ? 0 : errno;
    error = error == EOPNOTSUPP ? 0 : error;  // the zeros will take the room one by one
  }
  if (error != 0) {
    ::unlink(path.c_str());
    return os_error(error, what);
  }
  return fd;
}

}  // namespace penstock::stage
