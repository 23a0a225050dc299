// How it works. All formats append to one string. Text and journal share append_plain() and differ in what
// stands before it; JSON has a walk of its own. Every text from outside passes append_escaped(), which goes
// over it one UTF-8 sequence at a time, and is the only place where a byte can become part of a line.
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

// The bytes of the well-formed UTF-8 sequence at the front of `text` (Unicode 15, table 3-7), or 0: no
// overlong forms, no surrogates, nothing above U+10FFFF. `text` is not empty.
std::size_t utf8_sequence(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (at(i) & 0xC0U) == 0x80; };
  const unsigned lead = at(0);
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xC2 || lead > 0xF4 || !continues(1)) {
    return 0;
  }
  if (lead < 0xE0) {
    return 2;
  }
  const unsigned second = at(1);
  if (lead < 0xF0) {
    const bool in_range = (lead != 0xE0 || second >= 0xA0) && (lead != 0xED || second < 0xA0);
    return in_range && continues(2) ? 3 : 0;
  }
  const bool in_range = (lead != 0xF0 || second >= 0x90) && (lead != 0xF4 || second < 0x90);
  return in_range && continues(2) && continues(3) ? 4 : 0;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

void append_hex(std::string& out, std::string_view prefix, char byte) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  out += prefix;
  out += k_digits[value >> 4U];
  out += k_digits[value & 15U];
}

// What the two kinds of line do to text: the same walk, other escapes.
struct Escapes {
  std::string_view control;   // before the two digits of a control character
  std::string_view bad_byte;  // before the two digits of a byte that is not UTF-8
  bool quoted;                // inside quotes: " and \ take a backslash
};
constexpr Escapes k_json{"\\u00", "\\\\x", true};
constexpr Escapes k_plain{"\\x", "\\x", false};
constexpr Escapes k_plain_quoted{"\\x", "\\x", true};

void append_escaped(std::string& out, std::string_view text, const Escapes& escapes) {
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_sequence(text);
    if (length == 0) {
      append_hex(out, escapes.bad_byte, c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (is_control(c)) {
      append_hex(out, escapes.control, c);
    } else {
      if (escapes.quoted && (c == '"' || c == '\\')) {
        out += '\\';
      }
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

void append_quoted(std::string& out, std::string_view text, const Escapes& escapes) {
  out += '"';
  append_escaped(out, text, escapes);
  out += '"';
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
      append_quoted(out, text, k_plain_quoted);
    } else {
      append_escaped(out, text, k_plain);
    }
  }
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(auto number) const { append_number(out, number); }
};

struct JsonValue {
  std::string& out;

  void operator()(std::string_view text) const { append_quoted(out, text, k_json); }
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

void append_plain(std::string& out, std::string_view message, std::span<const Field> fields) {
  append_escaped(out, message, k_plain);
  for (const Field& field : fields) {
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
  append_quoted(out, message, k_json);
  for (const Field& field : fields) {
    out += ',';
    append_quoted(out, field.key, k_json);
    out += ':';
    std::visit(JsonValue{out}, field.value);
  }
  out += '}';
}

}  // namespace

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
