#include "io/make_loop.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/concat.h"
#include "io/portable_loop.h"
#include "io/uring_loop.h"

namespace penstock::io {

Result<std::unique_ptr<Loop>> make_loop(const LoopOptions& options, const Clock& clock,
                                        const UringCalls& calls) {
  if (options.choice == Choice::portable) {
    return make_portable_loop(options, clock, {});
  }
  auto loop = make_uring_loop(options, clock, calls);
  // No descriptor left is not a refusal of io_uring: the fallback would need them too.
  if (loop.ok() || options.choice == Choice::io_uring || loop.error().kind != ErrorKind::unsupported) {
    return loop;
  }
  return make_portable_loop(options, clock,
                            concat(loop.error().message, "; until then ",
                                   std::max(options.fallback_threads, 1U), " threads write the files"));
}

Result<std::unique_ptr<Loop>> make_loop(const LoopOptions& options, const Clock& clock) {
  return make_loop(options, clock, kernel_uring_calls());
}

}  // namespace penstock::io
