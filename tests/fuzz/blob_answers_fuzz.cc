// What the Blob service, or somebody in its place, answers: XML and headers. The first byte chooses which
// parser reads the rest (Answer); what fails must say so in one clean sentence, and what is read must be
// there when it is written again.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azure/blob_errors.h"
#include "azure/blob_list.h"
#include "azure/endpoint.h"
#include "azure/http_date.h"
#include "azure/xml_reader.h"
#include "base/check.h"
#include "base/concat.h"
#include "lake/blob_headers.h"

namespace penstock::azure {
namespace {

enum Answer : std::uint8_t { list, refusal, date, properties, answer_count };

constexpr WallTime k_now{std::chrono::seconds{1769817600}};  // 2026-01-31T00:00:00Z

// Up to `end`, which is taken too; without one, all there is.
std::string_view take_until(std::string_view& rest, char end) {
  const std::string_view taken = rest.substr(0, rest.find(end));
  rest.remove_prefix(std::min(rest.size(), taken.size() + 1));
  return taken;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool lies_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// Elements open and close in their order, and no event is made of more than the document holds.
void check_events(std::string_view xml) {
  XmlReader reader(xml);
  std::vector<std::string_view> open;
  std::size_t text_bytes = 0;
  for (std::size_t event_count = 0;; ++event_count) {
    CHECK(event_count <= 2 * xml.size() + 1);
    const XmlEvent event = reader.next();
    CHECK(lies_within(event.name, xml));
    CHECK(lies_within(event.attributes, xml));
    if (event.kind == XmlEvent::Kind::error) {
      CHECK(!event.text.empty());
      const XmlEvent again = reader.next();
      CHECK((again.kind == XmlEvent::Kind::error));
      CHECK(again.text == event.text);
      return;
    }
    if (event.kind == XmlEvent::Kind::end_of_document) {
      CHECK(open.empty());
      CHECK((reader.next().kind == XmlEvent::Kind::end_of_document));
      return;
    }
    if (event.kind == XmlEvent::Kind::start) {
      CHECK(!event.name.empty());
      open.push_back(event.name);
    } else if (event.kind == XmlEvent::Kind::end) {
      CHECK(!open.empty());
      CHECK(open.back() == event.name);
      open.pop_back();
    } else {
      CHECK(!open.empty());
      text_bytes += event.text.size();
      CHECK(text_bytes <= xml.size());
    }
    CHECK(reader.depth() == open.size());
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view k_digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += k_digits[byte >> 4];
    out += k_digits[byte & 15];
  }
  return out;
}

std::string xml_of(const BlobList& list) {
  std::string xml = "<EnumerationResults><Blobs>";
  for (const ListedBlob& blob : list.blobs) {
    xml +=
        concat("<Blob><Name Encoded=\"true\">", percent_encoded(blob.name),
               "</Name><Properties><Content-Length>", blob.bytes, "</Content-Length></Properties><Metadata>");
    for (const auto& [key, value] : blob.metadata) {
      xml += concat("<", key, ">", escaped(value), "</", key, ">");
    }
    xml += "</Metadata></Blob>";
  }
  return concat(xml, "</Blobs><NextMarker>", escaped(list.next_marker), "</NextMarker></EnumerationResults>");
}

void read_list(std::string_view xml) {
  check_events(xml);
  const auto list = parse_blob_list(xml);
  if (!list.ok()) {
    CHECK((list.error().kind == ErrorKind::corrupt));
    CHECK((list.error().action == Action::retry));
    CHECK(!list.error().message.empty());
    return;
  }
  const std::string written = xml_of(*list);
  const auto again = parse_blob_list(written);
  CHECK(again.ok());
  CHECK(again->next_marker == list->next_marker);
  CHECK(again->blobs.size() == list->blobs.size());
  for (std::size_t i = 0; i < list->blobs.size(); ++i) {
    CHECK(!list->blobs[i].name.empty());
    CHECK(again->blobs[i].name == list->blobs[i].name);
    CHECK(again->blobs[i].bytes == list->blobs[i].bytes);
    CHECK((again->blobs[i].metadata == list->blobs[i].metadata));
  }
}

// "503 ServerBusy" or "503".
std::string_view code_of(const Error& error, int status) {
  std::string_view code = error.code;
  const std::string digits = std::to_string(status);
  CHECK(code.starts_with(digits));
  code.remove_prefix(digits.size());
  CHECK((code.empty() || (code.size() > 1 && code[0] == ' ')));
  return code.substr(std::min<std::size_t>(1, code.size()));
}

// Only these say that the thing at hand is lost or settled, so only these may have an item given up. Besides
// them one code that is also said of a wrong signature, and a range that lies behind the end of a blob.
bool may_give_up(const Error& error, std::string_view code) {
  switch (error.kind) {
    case ErrorKind::already_exists:
    case ErrorKind::not_found:
    case ErrorKind::invalid_block_list:
    case ErrorKind::unauthenticated:
      return true;
    case ErrorKind::forbidden:
      return code == "AuthorizationFailure";
    case ErrorKind::invalid_input:
      return code == "InvalidRange" || error.code.starts_with("416");
    default:
      return false;
  }
}

// Seven lines, and the body: the status, then the headers in the order of Refusal.
void read_refusal(std::string_view input) {
  static const Endpoint endpoint = parse_endpoint("https://contoso.blob.core.windows.net/lake/raw").value();
  Refusal refusal;
  const std::string_view status = take_until(input, '\n');
  std::from_chars(status.data(), status.data() + status.size(), refusal.status);
  for (std::string_view* header : {&refusal.error_code, &refusal.retry_after_ms, &refusal.x_ms_retry_after_ms,
                                   &refusal.retry_after, &refusal.date, &refusal.request_id}) {
    *header = take_until(input, '\n');
  }
  refusal.body = input;
  check_events(input);
  const Error error = blob_error(refusal, "Put Blob", endpoint, k_now);
  CHECK(error.message.starts_with("Put Blob at https://contoso.blob.core.windows.net/lake: "));
  CHECK(is_printable(error.message));
  CHECK(error.message.size() < 1500U);
  const std::string_view code = code_of(error, refusal.status);
  CHECK(code.size() <= 64U);
  CHECK(code.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
        std::string_view::npos);
  CHECK((error.action != Action::give_up || may_give_up(error, code)));
  if (error.retry_after) {
    CHECK((*error.retry_after >= std::chrono::milliseconds{0}));
    CHECK((*error.retry_after <= std::chrono::hours{24}));
  }
  // The body may quote the request, and so a secret. All that is told of it is whether it is a web page.
  if (refusal.status == 401 || refusal.status == 403) {
    Refusal bare = refusal;
    bare.error_code = code;
    bare.body = error.message.find(", a web page:") == std::string::npos ? "" : "<html>";
    CHECK(blob_error(bare, "Put Blob", endpoint, k_now).message == error.message);
  }
}

// What is read is written again as it was, but for the name of the day, and a leap second.
void read_date(std::string_view text) {
  constexpr std::size_t k_day_bytes = 4;
  constexpr std::size_t k_second = 23;
  const auto time = parse_http_date(text);
  if (!time) {
    return;
  }
  const std::string written = format_http_date(*time);
  CHECK(parse_http_date(written) == time);
  if (text.substr(k_second, 2) != "60") {
    CHECK(written.substr(k_day_bytes) == text.substr(k_day_bytes));
  }
}

// A header a line, "name: value".
void read_properties(std::string_view input) {
  http::Headers headers;
  std::size_t metadata_count = 0;
  while (!input.empty()) {
    std::string_view value = take_until(input, '\n');
    const std::string name(take_until(value, ':'));
    value.remove_prefix(std::min(value.size(), value.find_first_not_of(' ')));
    headers.add(name, std::string(value));
    std::string_view key = name;
    metadata_count += key.size() >= 10 && (key[0] == 'x' || key[0] == 'X') ? 1 : 0;
  }
  const auto found = lake::properties_of(headers, "Get Blob Properties");
  if (!found.ok()) {
    CHECK((found.error().action == Action::retry));
    CHECK(found.error().message.starts_with("Get Blob Properties: "));
    return;
  }
  CHECK(headers.find("CONTENT-LENGTH").has_value());
  CHECK(found->metadata.size() <= metadata_count);
  for (const auto& [key, value] : found->metadata) {
    CHECK(std::none_of(key.begin(), key.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
    CHECK(headers.find(concat("X-Ms-Meta-", key)).has_value());
  }
}

void run(std::string_view input) {
  if (input.empty()) {
    return;
  }
  const unsigned answer = static_cast<unsigned char>(input[0]) % answer_count;
  input.remove_prefix(1);
  switch (answer) {
    case list:
      return read_list(input);
    case refusal:
      return read_refusal(input);
    case date:
      return read_date(input);
    default:
      return read_properties(input);
  }
}

}  // namespace
}  // namespace penstock::azure

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::azure::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
