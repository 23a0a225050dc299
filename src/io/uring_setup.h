// What is asked of the kernel for a ring, and what to say when it refuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <penstock/result.h>

#include "base/types.h"

struct io_uring;
struct io_uring_params;
struct iovec;

namespace penstock::io {

// The calls that a kernel, a container or a limit may refuse. Tests put others in their place.
struct UringCalls {
  int (*setup)(unsigned entries, io_uring* ring, io_uring_params* params);
  int (*register_buffers)(io_uring* ring, const iovec* buffers, unsigned count);
};

// The real ones.
const UringCalls& kernel_uring_calls();

// One registered buffer holds no more than this: a limit of the kernel. Bytes that lie across two of them are
// written without the fixed form.
inline constexpr std::size_t k_registered_part_bytes = std::size_t{1} << 30;

struct RingGrant {
  // As Grant::flags.
  std::string flags;
  // What was not granted, and which kernel has it. Empty if everything was.
  std::string reason;
};

// Sets up `ring` for the calling thread, with the best flags that this kernel knows. Error: io_uring is
// refused (`unsupported`, and what to do about it), or no descriptor is left.
Result<RingGrant> open_ring(io_uring& ring, std::uint32_t entries, const UringCalls& calls);

// Registers `region` in parts of k_registered_part_bytes. Returns nothing, or why it was refused and what to
// do about it.
std::string register_region(io_uring& ring, MutableBytes region, const UringCalls& calls);

}  // namespace penstock::io
