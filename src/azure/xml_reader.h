// A reader for the small XML that the Blob service answers with: one event at a time, over text held by the
// caller. Pure and bounds-checked. What it does not know is an error event, never a crash.
//
// Knows elements, attributes (kept raw), text, CDATA, comments, processing instructions, the five named
// entities and numeric ones, and a byte order mark. Refuses DOCTYPE, and with it every entity of one's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::azure {

struct XmlEvent {
  enum class Kind : std::uint8_t {
    start,            // name, attributes; an empty element gives start and end
    end,              // name
    text,             // text, decoded; one element's text may come in several pieces
    end_of_document,  // all elements are closed
    error,            // text says what and where; every later event is the same
  };
  Kind kind = Kind::error;
  std::string_view name;

  // As they are written: ` Encoded="true"`.
  std::string_view attributes;
  std::string text;
};

class XmlReader {
 public:
  // `document` outlives the reader and the names it hands out.
  explicit XmlReader(std::string_view document);

  // The next event. After end_of_document, or an error, every call gives the same again.
  XmlEvent next();

  // How many elements are open after the last event: 1 after the root's start.
  std::size_t depth() const { return open_.size(); }

 private:
  XmlEvent fail(std::string_view why);
  XmlEvent markup();
  XmlEvent start_tag();
  XmlEvent end_tag();
  XmlEvent characters();
  XmlEvent cdata();
  bool skip_past(std::string_view terminator);
  bool at(std::string_view text) const { return document_.substr(position_).starts_with(text); }

  std::string_view document_;
  std::size_t position_ = 0;
  std::vector<std::string_view> open_;
  bool close_pending_ = false;  // the element just started was empty
  bool root_closed_ = false;
  std::string failure_;
};

}  // namespace penstock::azure
