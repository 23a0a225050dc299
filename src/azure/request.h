// A request to the Blob service before it is signed: its parts, as the signature needs them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::azure {

enum class Verb : std::uint8_t { get, head, put };

std::string_view to_string(Verb verb);

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct BlobRequest {
  Verb verb = Verb::get;
  std::string origin;                                      // "https://contoso.blob.core.windows.net"
  std::string path;                                        // "/lake/raw/a.txt", percent-encoded
  std::vector<std::pair<std::string, std::string>> query;  // plain: encoded by url_of()
  std::string sas;                                         // appended to the query as it is; a secret
  Headers headers;
  std::uint64_t content_length = 0;
  std::string body;  // the small bodies that are built here; data follows beside, as pieces of memory
};

// The address to send to. It may hold a secret (the SAS): never for messages.
std::string url_of(const BlobRequest& request);

// Every byte but the unreserved ones of RFC 3986 as "%XX".
std::string percent_encode(std::string_view text);
// The same, and '/' stays: for names of blobs.
std::string percent_encode_path(std::string_view path);

}  // namespace penstock::azure
