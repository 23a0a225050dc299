// How it works. All formats append to one string. Text and journal share append_plain() and differ in what
// stands before it; JSON has a walk of its own. Every text from outside passes append_plain_text()
// or append_json_string(), which go over it one UTF-8 sequence at a time. No byte becomes part of a line by
// another way.
//
// Worked case: the value of `topic` is "a b", a line feed, and a byte 0xFF.
//
//   text, journal   topic="a b\n\xff"       in quotes because of the space
//   json            "topic":"a b\n\\xff"     the byte stays visible, and the line is valid JSON and UTF-8
//
// So a value can never end the line, begin another one, or look like a second field.
#include "obs/log_format.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ctime>

#include "base/hex.h"
#include "base/json_string.h"
#include "base/utf8.h"

namespace penstock::obs {
namespace {

const char* name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

// The prefix that sd-daemon(3) gives a meaning to on a stderr that is the journal.
const char* journal_prefix(Level level) {
  switch (level) {
    case Level::debug:
      return "<7>";
    case Level::info:
      return "<6>";
    case Level::warning:
      return "<4>";
    case Level::error:
      return "<3>";
  }
  return "<3>";
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

// Text for a person: with `quoted`, what stands inside quotes.
void append_plain_text(std::string& out, std::string_view text, bool quoted) {
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_sequence(text);
    if (c == '\n') {
      out += "\\n";
    } else if (length == 0 || is_control(c)) {
      out += "\\x" + to_hex(as_bytes(text.substr(0, 1)));
    } else {
      if (quoted && (c == '"' || c == '\\')) {
        out += '\\';
      }
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

// 2026-01-31T00:00:12.345Z
void append_time(std::string& out, WallTime time) {
  using std::chrono::milliseconds;
  const auto since_epoch = std::chrono::floor<milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const auto whole = static_cast<std::time_t>(seconds.count());
  const auto thousandths = static_cast<int>((since_epoch - seconds).count());
  std::tm parts{};
  gmtime_r(&whole, &parts);
  std::array<char, 32> date;
  const std::size_t length = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  out.append(date.data(), length);
  std::array<char, 8> fraction;
  const int fraction_length = std::snprintf(fraction.data(), fraction.size(), ".%03dZ", thousandths);
  out.append(fraction.data(), static_cast<std::size_t>(fraction_length));
}

// A value that a person, or a tool that splits at spaces, would misread without quotes.
bool needs_quotes(std::string_view text) {
  return text.empty() || text.find_first_of(" =\"\\") != std::string_view::npos;
}

struct PlainValue {
  std::string& out;

  void operator()(std::string_view text) const {
    if (needs_quotes(text)) {
      out += '"';
      append_plain_text(out, text, true);
      out += '"';
    } else {
      append_plain_text(out, text, false);
    }
  }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(auto number) const { append_number(out, number); }
};

struct JsonValue {
  std::string& out;

  void operator()(std::string_view text) const { append_json_string(out, text); }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(double number) const {
    if (std::isfinite(number)) {
      append_number(out, number);
    } else {
      out += "null";  // JSON has no word for it
    }
  }
  void operator()(auto number) const { append_number(out, number); }
};

// A text that is empty is left out: code="" is no fact.
bool says_nothing(const Field& field) {
  const auto* text = std::get_if<std::string_view>(&field.value);
  return text != nullptr && text->empty();
}

void append_plain(std::string& out, std::string_view message, std::span<const Field> fields) {
  append_plain_text(out, message, false);
  for (const Field& field : fields) {
    if (says_nothing(field)) {
      continue;
    }
    out += ' ';
    out += field.key;
    out += '=';
    std::visit(PlainValue{out}, field.value);
  }
}

void append_json(std::string& out, WallTime time, Level level, std::string_view message,
                 std::span<const Field> fields) {
  out += R"({"time":")";
  append_time(out, time);
  out += R"(","level":")";
  out += name_of(level);
  out += R"(","message":)";
  append_json_string(out, message);
  for (const Field& field : fields) {
    if (says_nothing(field)) {
      continue;
    }
    out += ',';
    append_json_string(out, field.key);
    out += ':';
    std::visit(JsonValue{out}, field.value);
  }
  out += '}';
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  append_plain_text(out, text, false);
  return out;
}

std::string format_line(LogFormat format, WallTime time, Level level, std::string_view message,
                        std::span<const Field> fields) {
  std::string out;
  switch (format) {
    case LogFormat::text:
      append_time(out, time);
      out += ' ';
      out += name_of(level);
      out += ' ';
      append_plain(out, message, fields);
      break;
    case LogFormat::journal:
      out += journal_prefix(level);
      append_plain(out, message, fields);
      break;
    case LogFormat::json:
      append_json(out, time, level, message, fields);
      break;
  }
  return out;
}

}  // namespace penstock::obs
