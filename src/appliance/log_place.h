// A place in the logs of a topic, as a person writes it: --from and --to of `penstock replay`, --to of
// `penstock offsets set`. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "source/start_position.h"

namespace penstock::appliance {

struct LogPlace {
  enum class Kind : std::uint8_t { start, end, time, offset };

  Kind kind = Kind::start;
  WallTime time{};    // of Kind::time
  Position offset{};  // of Kind::offset: the same in every partition

  friend bool operator==(const LogPlace&, const LogPlace&) = default;
};

// "earliest", "latest" or "end", "12345", "2026-01-31T00:00:00Z". `option` is named in the error: it has the
// code of a configuration's fault, since no restart mends it.
Result<LogPlace> read_log_place(std::string_view option, std::string_view text);

// The same place has the same text, however it was written.
std::string to_text(const LogPlace& place);

// Where that is in one partition, also where the log has no such offset. `at_time`: of Kind::time.
Position position_in(const LogPlace& place, const source::LogBounds& log, std::optional<Position> at_time);

}  // namespace penstock::appliance
