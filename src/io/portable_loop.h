// The Loop for where io_uring is refused: epoll, and a few threads for files.
#pragma once

#include <memory>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "io/loop.h"

namespace penstock::io {

// `reason` goes into grant(): why it is not io_uring. Empty if nobody asked for that. Error: no descriptor or
// no thread is left.
Result<std::unique_ptr<Loop>> make_portable_loop(const LoopOptions& options, const Clock& clock,
                                                 std::string reason);

}  // namespace penstock::io
