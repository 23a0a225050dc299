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

// Name and value of each header. Names are in lower case.
using Headers = std::vector<std::pair<std::string, std::string>>;

struct BlobRequest {
  Verb verb = Verb::get;

  // "https://contoso.blob.core.windows.net"
  std::string origin;

  // "/lake/raw/a.txt", percent-encoded.
  std::string path;

  // Names and values as they are; url_of() encodes them.
  std::vector<std::pair<std::string, std::string>> query;

  // Appended to the query as it is. A secret.
  std::string sas;
  Headers headers;

  // Of `body`, or of the data that is sent in its place.
  std::uint64_t content_length = 0;

  // A small body that is built here (a block list). Data of blocks and blobs is not copied into a request: it
  // follows beside, as pieces of memory.
  std::string body;
};

// The address to send to. It may hold a secret (the SAS): never for messages.
std::string url_of(const BlobRequest& request);

// As base/percent_encode.h, but '/' stays: for names of blobs.
std::string percent_encode_path(std::string_view path);

}  // namespace penstock::azure
