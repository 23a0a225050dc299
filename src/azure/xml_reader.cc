// How it works. next() looks at the bytes at position_ and hands out one event. open_ holds the names of
// the elements that are open, so that an end tag can be held against its start and the nesting has a bound.
//
//   <a><b x="1">t&amp;u</b><c/></a>
//
//   start a, start b, text "t&u", end b, start c, end c, end a, end_of_document
//
// An empty element gives its end with the next call (close_pending_). The first fault is remembered in
// failure_ and every later call repeats it, so a caller may look at the end only. DOCTYPE is refused, and
// with it all entities that a document could declare: nothing here can expand to more than it was.
#include "azure/xml_reader.h"

#include <charconv>
#include <optional>
#include <utility>

#include "base/concat.h"

namespace penstock::azure {

namespace {

constexpr std::size_t k_depth_max = 32;  // the service's deepest answer has 6
constexpr std::string_view k_white = " \t\r\n";
constexpr std::string_view k_byte_order_mark = "\xef\xbb\xbf";

bool append_utf8(std::string& out, std::uint32_t point) {
  if (point == 0 || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    return false;
  }
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | (point >> shift & 0x3f)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | point >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
  return true;
}

bool append_numeric_entity(std::string& out, std::string_view digits) {
  int base = 10;
  if (digits.starts_with('x')) {
    base = 16;
    digits.remove_prefix(1);
  }
  std::uint32_t point = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), point, base);
  return error == std::errc{} && end == digits.data() + digits.size() && append_utf8(out, point);
}

bool append_entity(std::string& out, std::string_view name) {
  constexpr std::pair<std::string_view, char> k_named[] = {
      {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [known, character] : k_named) {
    if (name == known) {
      out += character;
      return true;
    }
  }
  return name.starts_with('#') && append_numeric_entity(out, name.substr(1));
}

std::optional<std::string> decoded(std::string_view raw) {
  constexpr std::size_t k_entity_bytes_max = 12;
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const std::size_t plain = raw.find('&');
    out += raw.substr(0, plain);
    if (plain == std::string_view::npos) {
      break;
    }
    raw.remove_prefix(plain + 1);
    const std::size_t end = raw.substr(0, k_entity_bytes_max).find(';');
    if (end == std::string_view::npos || !append_entity(out, raw.substr(0, end))) {
      return std::nullopt;
    }
    raw.remove_prefix(end + 1);
  }
  return out;
}

XmlEvent event_of(XmlEvent::Kind kind, std::string_view name) {
  XmlEvent event;
  event.kind = kind;
  event.name = name;
  return event;
}

// Where a tag's '>' is: not within the quotes of an attribute.
std::size_t tag_end(std::string_view tag) {
  char quote = 0;
  for (std::size_t i = 0; i < tag.size(); ++i) {
    if (quote != 0) {
      quote = tag[i] == quote ? 0 : quote;
    } else if (tag[i] == '"' || tag[i] == '\'') {
      quote = tag[i];
    } else if (tag[i] == '>') {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

XmlReader::XmlReader(std::string_view document) : document_(document) {
  if (at(k_byte_order_mark)) {
    position_ = k_byte_order_mark.size();
  }
}

XmlEvent XmlReader::fail(std::string_view why) {
  if (failure_.empty()) {
    failure_ = concat(why, " at byte ", position_);
  }
  XmlEvent event;
  event.text = failure_;
  return event;
}

XmlEvent XmlReader::next() {
  if (!failure_.empty()) {
    return fail(failure_);
  }
  if (close_pending_) {
    close_pending_ = false;
    XmlEvent event = event_of(XmlEvent::Kind::end, open_.back());
    open_.pop_back();
    root_closed_ = open_.empty();
    return event;
  }
  while (position_ < document_.size()) {
    if (at("<?") || at("<!--")) {
      if (!skip_past(at("<?") ? "?>" : "-->")) {
        return fail("an unclosed comment or instruction");
      }
    } else if (at("<")) {
      return markup();
    } else if (!open_.empty()) {
      return characters();
    } else if (k_white.find(document_[position_]) != std::string_view::npos) {
      ++position_;
    } else {
      return fail("text outside of the root element");
    }
  }
  if (!root_closed_) {
    return fail("the document ends early");
  }
  return event_of(XmlEvent::Kind::end_of_document, {});
}

bool XmlReader::skip_past(std::string_view terminator) {
  const std::size_t found = document_.find(terminator, position_ + 2);
  if (found == std::string_view::npos) {
    return false;
  }
  position_ = found + terminator.size();
  return true;
}

XmlEvent XmlReader::markup() {
  if (at("</")) {
    return end_tag();
  }
  if (at("<![CDATA[")) {
    return cdata();
  }
  if (at("<!")) {
    return fail("a declaration, which is not taken");
  }
  return start_tag();
}

XmlEvent XmlReader::start_tag() {
  if (root_closed_) {
    return fail("a second root element");
  }
  if (open_.size() == k_depth_max) {
    return fail("elements too deep");
  }
  std::string_view tag = document_.substr(position_ + 1);
  const std::size_t size = tag_end(tag);
  if (size == std::string_view::npos) {
    return fail("an unclosed tag");
  }
  tag = tag.substr(0, size);
  position_ += size + 2;
  close_pending_ = tag.ends_with('/');
  if (close_pending_) {
    tag.remove_suffix(1);
  }
  XmlEvent event = event_of(XmlEvent::Kind::start, tag.substr(0, tag.find_first_of(k_white)));
  if (event.name.empty() || event.name.find_first_of("<&\"'=/") != std::string_view::npos) {
    return fail("a tag without a name before here");
  }
  event.attributes = tag.substr(event.name.size());
  open_.push_back(event.name);
  return event;
}

XmlEvent XmlReader::end_tag() {
  const std::size_t begin = position_ + 2;
  const std::size_t end = document_.find('>', begin);
  if (end == std::string_view::npos) {
    return fail("an unclosed tag");
  }
  std::string_view name = document_.substr(begin, end - begin);
  name = name.substr(0, name.find_last_not_of(k_white) + 1);
  if (open_.empty() || open_.back() != name) {
    return fail("an end tag that closes nothing");
  }
  position_ = end + 1;
  open_.pop_back();
  root_closed_ = open_.empty();
  return event_of(XmlEvent::Kind::end, name);
}

XmlEvent XmlReader::characters() {
  const std::string_view raw = document_.substr(position_, document_.find('<', position_) - position_);
  auto text = decoded(raw);
  if (!text) {
    return fail("an entity that is not known");
  }
  position_ += raw.size();
  XmlEvent event = event_of(XmlEvent::Kind::text, {});
  event.text = *std::move(text);
  return event;
}

XmlEvent XmlReader::cdata() {
  if (open_.empty()) {
    return fail("text outside of the root element");
  }
  const std::size_t begin = position_ + std::string_view("<![CDATA[").size();
  const std::size_t end = document_.find("]]>", begin);
  if (end == std::string_view::npos) {
    return fail("an unclosed CDATA");
  }
  position_ = end + 3;
  XmlEvent event = event_of(XmlEvent::Kind::text, {});
  event.text = document_.substr(begin, end - begin);
  return event;
}

}  // namespace penstock::azure
