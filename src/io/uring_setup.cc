// How it works. open_ring() asks for everything first, and gives up one flag per EINVAL until the kernel
// agrees. An example, Linux 5.15, which knows none of the four flags: five calls of
// io_uring_queue_init_params, the first four of which give EINVAL. The grant then lists the four as missing,
// and the ring works without them. Errors other than EINVAL are no matter of flags: they go through
// refused(), the one table that says what the operator can do.
#include "io/uring_setup.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <liburing.h>
#include <sys/uio.h>

#include "base/concat.h"
#include "base/os_error.h"

namespace penstock::io {
namespace {

struct Flag {
  unsigned bit;
  const char* name;
};

// What we want beyond a plain ring, the newest first. On EINVAL they are given up in this order, so that an
// older kernel keeps the most. A flag that is missing in the headers we build with is not asked for.
constexpr std::array k_flags{
// Completions are worked off when we ask for them, not whenever the kernel likes. Linux 6.1. It needs
// SINGLE_ISSUER, and is therefore given up before it.
#ifdef IORING_SETUP_DEFER_TASKRUN
    Flag{IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN"},
#endif
// Only this thread submits: no lock on the ring. Linux 6.0.
#ifdef IORING_SETUP_SINGLE_ISSUER
    Flag{IORING_SETUP_SINGLE_ISSUER, "SINGLE_ISSUER"},
#endif
// No interrupt of our thread for a completion. Linux 5.19.
#ifdef IORING_SETUP_COOP_TASKRUN
    Flag{IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN"},
#endif
// One request that is refused at once does not hold up those behind it. Linux 5.18.
#ifdef IORING_SETUP_SUBMIT_ALL
    Flag{IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL"},
#endif
};

// EXT_ARG (Linux 5.11) gives io_uring_enter a timeout; NODROP keeps completions that do not fit the queue.
constexpr unsigned k_features_needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL;

// Completions are two per operation at most (its own and that of its cancellation) and one per watched
// descriptor. Beyond this many at once, the kernel must allocate to keep them. They take 16 bytes each: 64
// KiB per worker, which Linux 6.18 counts against RLIMIT_MEMLOCK.
constexpr unsigned k_completion_entries = 4096;

constexpr const char* k_seccomp_advice =
    "allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile of the container or "
    "service";

Error unsupported(int error_number, std::string message) {
  return make_error(ErrorKind::unsupported, Action::fatal, std::move(message), errno_name(error_number));
}

Error refused(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENFILE:
      return os_error(error_number, "making the io_uring of an I/O loop");
    case EPERM:
    case EACCES:
      return unsupported(
          error_number, concat("io_uring is forbidden to this process (", errno_name(error_number),
                               "): ", k_seccomp_advice, ", or set the sysctl kernel.io_uring_disabled to 0"));
    case ENOSYS:
      return unsupported(error_number,
                         concat("io_uring is hidden by a seccomp profile, or this kernel has none (ENOSYS): ",
                                k_seccomp_advice, ", or run Linux 5.11 or later"));
    case ENOMEM:
      return unsupported(error_number,
                         "io_uring found too little memory that it may lock (ENOMEM): raise LimitMEMLOCK= of "
                         "the service, or ulimit -l");
    default:
      return unsupported(error_number, concat("io_uring is refused: ", std::strerror(error_number), " (",
                                              errno_name(error_number), "): run Linux 5.11 or later"));
  }
}

std::string joined(std::string left, const char* name) {
  if (!left.empty()) {
    left += '|';
  }
  return left + name;
}

RingGrant granted(unsigned flags) {
  RingGrant grant;
  std::string missing;
  for (const Flag& flag : k_flags) {
    std::string& list = (flags & flag.bit) != 0 ? grant.flags : missing;
    list = joined(std::move(list), flag.name);
  }
  if (!missing.empty()) {
    grant.reason = concat("this kernel does not grant io_uring's ", missing,
                          ", which cost a little CPU time: Linux 6.1 or later has them all");
  }
  return grant;
}

}  // namespace

const UringCalls& kernel_uring_calls() {
  static constexpr UringCalls k_calls{.setup = io_uring_queue_init_params,
                                      .register_buffers = io_uring_register_buffers};
  return k_calls;
}

Result<RingGrant> open_ring(io_uring& ring, std::uint32_t entries, const UringCalls& calls) {
  // Both came with Linux 5.6 or before, older than what we need in any case.
  unsigned flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  for (const Flag& flag : k_flags) {
    flags |= flag.bit;
  }
  int result = 0;
  for (std::size_t given_up = 0;; ++given_up) {
    io_uring_params params{};
    params.flags = flags;
    params.cq_entries = std::max(k_completion_entries, 2 * entries);
    result = calls.setup(entries, &ring, &params);
    if (result == 0 && (params.features & k_features_needed) != k_features_needed) {
      io_uring_queue_exit(&ring);
      return unsupported(
          ENOSYS,
          "the io_uring of this kernel is too old (no EXT_ARG, NODROP or FAST_POLL): run Linux "
          "5.11 or later");
    }
    if (result != -EINVAL || given_up == k_flags.size()) {
      break;
    }
    flags &= ~k_flags[given_up].bit;
  }
  if (result != 0) {
    return refused(-result);
  }
  return granted(flags);
}

std::string register_region(io_uring& ring, MutableBytes region, const UringCalls& calls) {
  std::vector<iovec> parts;
  for (MutableBytes rest = region; !rest.empty();) {
    const std::size_t size = std::min(rest.size(), k_registered_part_bytes);
    parts.push_back({.iov_base = rest.data(), .iov_len = size});
    rest = rest.subspan(size);
  }
  const int result = calls.register_buffers(&ring, parts.data(), static_cast<unsigned>(parts.size()));
  if (result == 0) {
    return {};
  }
  if (result == -ENOMEM || result == -EPERM) {
    return concat(region.size(), " bytes of buffers are more than may be locked (", errno_name(-result),
                  "), so that the kernel pins them anew for every write: set LimitMEMLOCK=infinity in the "
                  "service's unit, or ulimit -l; where that is done, the machine's own hard limit is lower");
  }
  return concat("the kernel does not register ", region.size(), " bytes of buffers (", std::strerror(-result),
                ", ", errno_name(-result), "), and pins them anew for every write");
}

}  // namespace penstock::io
