// What a run has come to: the first violation, and a digest of everything that happened, by which two runs of
// a seed are compared.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "base/concat.h"
#include "sim/sim_clock.h"

namespace penstock::sim {

class Verdict {
 public:
  Verdict(const SimClock& clock, bool verbose) : clock_(clock), verbose_(verbose) {}

  // The first one counts; the run ends soon after.
  template <class... Parts>
  void fail(const Parts&... parts) {
    const std::string message = concat(parts...);
    note("VIOLATION ", message);
    if (!failure_) {
      failure_ = concat("at ", seconds(), " s: ", message);
    }
  }
  template <class... Parts>
  void note(const Parts&... parts) {
    const std::string line = concat(parts...);
    mix(line);
    if (verbose_) {
      std::fprintf(stderr, "%12.6f  %s\n", seconds(), line.c_str());
    }
  }

  bool verbose() const { return verbose_; }
  const std::optional<std::string>& failure() const { return failure_; }
  std::uint64_t digest() const { return digest_; }

 private:
  double seconds() const {
    return std::chrono::duration<double>(clock_.now().time_since_epoch() - std::chrono::hours(1)).count();
  }
  void mix(const std::string& line) {
    mix_byte(static_cast<std::uint64_t>(clock_.now().time_since_epoch().count()));
    for (const char byte : line) {
      mix_byte(static_cast<unsigned char>(byte));
    }
  }
  void mix_byte(std::uint64_t value) { digest_ = (digest_ ^ value) * 0x100000001b3; }

  const SimClock& clock_;
  bool verbose_;
  std::optional<std::string> failure_;
  std::uint64_t digest_ = 0xcbf29ce484222325;
};

}  // namespace penstock::sim
