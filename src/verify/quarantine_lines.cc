#include "verify/quarantine_lines.h"

#include <algorithm>
#include <charconv>

#include "base/concat.h"

namespace penstock::verify {
namespace {

bool take(std::string_view& rest, std::string_view text) {
  const bool is_there = rest.starts_with(text);
  rest.remove_prefix(is_there ? text.size() : 0);
  return is_there;
}

bool take_reason(std::string_view& rest) {
  const auto end =
      std::find_if(rest.begin(), rest.end(), [](char c) { return c != '-' && (c < 'a' || c > 'z'); });
  const bool is_there = end != rest.begin();
  rest.remove_prefix(static_cast<std::size_t>(end - rest.begin()));
  return is_there;
}

// Not negative.
template <class Number>
bool take_number(std::string_view& rest, Number& number) {
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (read.ec != std::errc{} || number < 0) {
    return false;
  }
  rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
  return true;
}

}  // namespace

std::optional<RecordPlace> read_quarantine_line(std::string_view line, std::string_view topic) {
  RecordPlace place;
  const bool reads = take(line, R"({"reason":")") && take_reason(line) && take(line, R"(","topic":")") &&
                     take(line, topic) && take(line, R"(","partition":)") &&
                     take_number(line, place.partition.value) && take(line, R"(,"offset":)") &&
                     take_number(line, place.offset.value) && take(line, ",");
  return reads ? std::optional(place) : std::nullopt;
}

Result<void> QuarantineLines::feed(std::string_view piece, const std::function<void(RecordPlace)>& see) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    const std::string_view line = piece.substr(0, end);
    beginning_.append(line.substr(0, k_beginning_bytes_max - beginning_.size()));
    if (end == std::string_view::npos) {
      return {};
    }
    piece.remove_prefix(end + 1);
    ++lines_;
    const std::optional<RecordPlace> place = read_quarantine_line(beginning_, topic_);
    if (!place) {
      return make_error(
          ErrorKind::corrupt, Action::fatal,
          concat("line ", lines_, " is not that of a record in quarantine of the topic ", topic_));
    }
    beginning_.clear();
    see(*place);
  }
  return {};
}

}  // namespace penstock::verify
