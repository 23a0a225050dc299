#include "crypto/random.h"

#include <cerrno>
#include <cstddef>
#include <span>

#include <sys/random.h>

#include "base/check.h"

namespace penstock::crypto {

void random_bytes(MutableBytes bytes) {
  while (!bytes.empty()) {
    const ssize_t drawn = ::getrandom(bytes.data(), bytes.size(), 0);
    if (drawn < 0) {
      // The only failure of a kernel that has the call.
      CHECK(errno == EINTR);
      continue;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(drawn));
  }
}

std::uint64_t random_u64() {
  std::uint64_t number = 0;
  random_bytes(std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

}  // namespace penstock::crypto
