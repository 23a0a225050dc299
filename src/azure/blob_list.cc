// How it works. The parser walks the XML one event at a time and keeps the names of the open elements in
// path_. An element's text is taken when the element ends, because only then is the text whole. So a blob
// is complete at </Blob>:
//
//   <EnumerationResults>
//     <Blobs>
//       <Blob>
//         <Name>raw/api/a.txt</Name>                              path_ has four names, the last is Name
//         <Properties><Content-Length>512</Content-Length></Properties>
//         <Metadata><records>10</records></Metadata>
//       </Blob>
//     </Blobs>
//     <NextMarker>2!92!...</NextMarker>                           empty on the last page
//   </EnumerationResults>
//
// Elements that are not known are passed over, as the service adds some with each version. An account with
// a hierarchical namespace lists directories as blobs, too: these are left out.
#include "azure/blob_list.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <utility>

#include "azure/xml_reader.h"
#include "base/concat.h"
#include "base/letter_case.h"

namespace penstock::azure {

namespace {

Error not_a_list(std::string_view why) {
  return make_error(ErrorKind::corrupt, Action::retry,
                    concat("the answer to List Blobs cannot be read: ", why));
}

std::optional<unsigned> hex_digit(char c) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(&c, &c + 1, value, 16);
  return error == std::errc{} && end == &c + 1 ? std::optional(value) : std::nullopt;
}

// A name with characters that XML cannot hold comes as <Name Encoded="true">a%0Bb</Name>.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
    if (!high || !low) {
      return std::nullopt;
    }
    out += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return out;
}

bool is_directory(const ListedBlob& blob, std::string_view resource_type) {
  return resource_type == "directory" ||
         std::find(blob.metadata.begin(), blob.metadata.end(),
                   std::pair<std::string, std::string>("hdi_isfolder", "true")) != blob.metadata.end();
}

// Walks the document with the path of open elements at hand:
// EnumerationResults / Blobs / Blob / {Name, Properties / Content-Length, Metadata / <key>}, NextMarker.
class ListParser {
 public:
  explicit ListParser(std::string_view xml) : reader_(xml) {}

  Result<BlobList> parse() {
    for (XmlEvent event = reader_.next();; event = reader_.next()) {
      switch (event.kind) {
        case XmlEvent::Kind::error:
          return not_a_list(event.text);
        case XmlEvent::Kind::end_of_document:
          return std::move(list_);
        case XmlEvent::Kind::start:
          begin(event);
          break;
        case XmlEvent::Kind::text:
          text_ += event.text;
          break;
        case XmlEvent::Kind::end:
          finish();
          break;
      }
      if (!failure_.empty()) {
        return not_a_list(failure_);
      }
    }
  }

 private:
  bool within(std::initializer_list<std::string_view> path) const {
    return std::equal(path_.begin(), path_.end(), path.begin(), path.end());
  }

  void begin(const XmlEvent& event) {
    path_.push_back(event.name);
    text_.clear();
    if (path_.size() == 1 && event.name != "EnumerationResults") {
      failure_ = concat("it begins with <", event.name.substr(0, 40), ">");
    } else if (within({"EnumerationResults", "Blobs", "Blob"})) {
      blob_ = {};
      resource_type_.clear();
    } else if (event.name == "Name") {
      name_is_encoded_ = event.attributes.find("Encoded=\"true\"") != std::string_view::npos;
    }
  }

  void finish() {
    if (within({"EnumerationResults", "NextMarker"})) {
      list_.next_marker = text_;
    } else if (path_.size() >= 3 && path_[1] == "Blobs" && path_[2] == "Blob") {
      finish_in_blob();
    }
    path_.pop_back();
    text_.clear();
  }

  void finish_in_blob() {
    const std::size_t below = path_.size() - 3;
    if (below == 0) {
      finish_blob();
    } else if (below == 1 && path_[3] == "Name") {
      take_name();
    } else if (below == 2 && path_[3] == "Properties" && path_[4] == "Content-Length") {
      take_length();
    } else if (below == 2 && path_[3] == "Properties" && path_[4] == "ResourceType") {
      resource_type_ = text_;
    } else if (below == 2 && path_[3] == "Metadata") {
      blob_.metadata.emplace_back(lower(path_[4]), text_);
    }
  }

  void finish_blob() {
    if (blob_.name.empty()) {
      failure_ = "a blob without a name";
    } else if (!is_directory(blob_, resource_type_)) {
      list_.blobs.push_back(std::move(blob_));
    }
  }

  void take_name() {
    auto name = name_is_encoded_ ? percent_decoded(text_) : std::optional(text_);
    if (!name) {
      failure_ = "a name that is not percent-encoded as it claims";
      return;
    }
    blob_.name = *std::move(name);
  }

  void take_length() {
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), blob_.bytes);
    if (error != std::errc{} || end != text_.data() + text_.size()) {
      failure_ = "a Content-Length that is no number";
    }
  }

  XmlReader reader_;
  std::vector<std::string_view> path_;  // names of the open elements
  std::string text_;
  bool name_is_encoded_ = false;
  ListedBlob blob_;
  std::string resource_type_;
  BlobList list_;
  std::string failure_;
};

}  // namespace

Result<BlobList> parse_blob_list(std::string_view xml) {
  return ListParser{xml}.parse();
}

}  // namespace penstock::azure
