#include "appliance/log_place.h"

#include <charconv>
#include <chrono>

#include "appliance/fault_at.h"
#include "base/concat.h"
#include "config/names.h"

namespace penstock::appliance {
namespace {

std::optional<Position> offset_in(std::string_view text) {
  std::int64_t offset = -1;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), offset);
  const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  return whole && offset >= 0 ? std::optional(Position{offset}) : std::nullopt;
}

}  // namespace

Result<LogPlace> read_log_place(std::string_view option, std::string_view text) {
  if (text == "earliest") {
    return LogPlace{.kind = LogPlace::Kind::start};
  }
  if (text == "latest" || text == "end") {
    return LogPlace{.kind = LogPlace::Kind::end};
  }
  if (const std::optional<Position> offset = offset_in(text)) {
    return LogPlace{.kind = LogPlace::Kind::offset, .offset = *offset};
  }
  LogPlace place{.kind = LogPlace::Kind::time};
  if (!config::read_time(text, place.time).empty()) {
    return make_error(ErrorKind::invalid_input, Action::fatal,
                      concat(option, " ", text,
                             " is neither a time such as 2026-01-31T00:00:00Z, nor an offset, nor earliest, "
                             "nor end"),
                      std::string(k_configuration_fault));
  }
  return place;
}

std::string to_text(const LogPlace& place) {
  switch (place.kind) {
    case LogPlace::Kind::start:
      return "earliest";
    case LogPlace::Kind::end:
      return "end";
    case LogPlace::Kind::offset:
      return std::to_string(place.offset.value);
    case LogPlace::Kind::time:
      break;
  }
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::milliseconds>(place.time.time_since_epoch());
  return concat("ms", since_epoch.count());
}

Position position_in(const LogPlace& place, const source::LogBounds& log, std::optional<Position> at_time) {
  switch (place.kind) {
    case LogPlace::Kind::start:
      return log.start;
    case LogPlace::Kind::end:
      return log.end;
    case LogPlace::Kind::offset:
      return place.offset;
    case LogPlace::Kind::time:
      break;
  }
  return at_time.value_or(log.end);
}

}  // namespace penstock::appliance
