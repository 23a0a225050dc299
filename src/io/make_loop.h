// Which loop a worker gets.
#pragma once

#include <memory>

#include <penstock/result.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/uring_setup.h"

namespace penstock::io {

// make_loop() of loop.h, with a kernel that a test may replace.
Result<std::unique_ptr<Loop>> make_loop(const LoopOptions& options, const Clock& clock,
                                        const UringCalls& calls);

}  // namespace penstock::io
