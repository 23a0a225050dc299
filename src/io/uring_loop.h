// The Loop over io_uring.
#pragma once

#include <memory>

#include <penstock/result.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/uring_setup.h"

namespace penstock::io {

// Error: io_uring is refused (`unsupported`), or no descriptor is left. options.choice is not looked at.
Result<std::unique_ptr<Loop>> make_uring_loop(const LoopOptions& options, const Clock& clock,
                                              const UringCalls& calls = kernel_uring_calls());

}  // namespace penstock::io
