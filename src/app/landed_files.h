// Reads back what landed in a directory, as a reader of the lake would: for the demo's own proof.
#pragma once

#include <cstdint>
#include <string>

#include <penstock/result.h>

namespace penstock::app {

struct Landed {
  std::uint64_t files = 0;
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  // The first by name. Empty: there are no files.
  std::string first_file;
};

// Counts the lines of every visible file below `dir`.
Result<Landed> count_landed(const std::string& dir);

}  // namespace penstock::app
