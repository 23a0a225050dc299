#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace penstock::detail {

void check_failed(const char* file, int line, const char* expression, const std::string& values) {
  std::fprintf(stderr, "penstock: bug: %s:%d: CHECK(%s) failed%s%s\n", file, line, expression,
               values.empty() ? "" : ": ", values.c_str());
  std::abort();
}

}  // namespace penstock::detail
