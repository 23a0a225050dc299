// How one log message looks as a line: for people, for the journal, or as a JSON object. Pure.
//
// A line is always one line of valid UTF-8 whatever the values hold, so that no record, name or server's
// answer can forge a second one: control characters and bytes that are not UTF-8 are written as \xNN (in
// JSON, where a backslash is itself escaped, as \\xNN; control characters there as \u00NN).
//
//   text      2026-01-31T00:00:12.345Z warning the upload was throttled topic=api code="503 ServerBusy"
//   journal   <4>the upload was throttled topic=api code="503 ServerBusy"
//   json      {"time":"2026-01-31T00:00:12.345Z","level":"warning","message":"the upload was throttled",
//              "topic":"api","code":"503 ServerBusy"}    (in one line)
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/types.h"

namespace penstock::obs {

enum class Level : std::uint8_t { debug, info, warning, error };

enum class LogFormat : std::uint8_t { text, journal, json };

// One key and value behind the message. It views its texts, so it lives only as long as the call it is
// written in. An empty text is not written at all. Keys are words of ours, [a-z_]+, and never input; "time",
// "level" and "message" are taken.
struct Field {
  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
  Field(std::string_view name, const std::string& text) : key(name), value(std::string_view(text)) {}
  Field(std::string_view name, bool flag) : key(name), value(flag) {}
  Field(std::string_view name, std::signed_integral auto number)
      : key(name), value(static_cast<std::int64_t>(number)) {}
  Field(std::string_view name, std::unsigned_integral auto number)
      : key(name), value(static_cast<std::uint64_t>(number)) {}
  Field(std::string_view name, std::floating_point auto number)
      : key(name), value(static_cast<double>(number)) {}
  template <class Tag, class Rep>
  Field(std::string_view name, Strong<Tag, Rep> number) : Field(name, number.value) {}

  std::string_view key;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;
};

// A text with nothing in it that ends a line, as it stands in LogFormat::text.
std::string one_line(std::string_view text);

// Without the newline at the end.
std::string format_line(LogFormat format, WallTime time, Level level, std::string_view message,
                        std::span<const Field> fields);

}  // namespace penstock::obs
