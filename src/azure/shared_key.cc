#include "azure/shared_key.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "crypto/hash.h"

namespace penstock::azure {

namespace {

std::string_view header_of(const BlobRequest& request, std::string_view name) {
  for (const auto& [known, value] : request.headers) {
    if (known == name) {
      return value;
    }
  }
  return {};
}

void append_canonical_headers(std::string& text, const BlobRequest& request) {
  std::vector<std::pair<std::string_view, std::string_view>> sorted;
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with("x-ms-")) {
      sorted.emplace_back(name, value);
    }
  }
  // The service sorts by culture; over [a-z0-9-], all that is used here, that is the order of the bytes.
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [name, value] : sorted) {
    text.append(name).append(":").append(value).append("\n");
  }
}

void append_canonical_resource(std::string& text, const BlobRequest& request, std::string_view account) {
  text.append("/").append(account).append(request.path);
  auto sorted = request.query;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [name, value] : sorted) {
    text.append("\n").append(name).append(":").append(value);
  }
}

}  // namespace

std::string string_to_sign(const BlobRequest& request, std::string_view account) {
  // Date is empty because x-ms-date takes its place.
  constexpr std::array<std::string_view, 8> k_after_length = {
      "content-md5",   "content-type",        "date", "if-modified-since", "if-match",
      "if-none-match", "if-unmodified-since", "range"};
  std::string text{to_string(request.verb)};
  text.append("\n").append(header_of(request, "content-encoding"));
  text.append("\n").append(header_of(request, "content-language"));
  text.append("\n").append(request.content_length == 0 ? "" : std::to_string(request.content_length));
  for (const std::string_view name : k_after_length) {
    text.append("\n").append(header_of(request, name));
  }
  text.append("\n");
  append_canonical_headers(text, request);
  append_canonical_resource(text, request, account);
  return text;
}

std::string shared_key_authorization(const BlobRequest& request, const SharedKey& key) {
  const std::string text = string_to_sign(request, key.account);
  return "SharedKey " + key.account + ":" + base64_encode(crypto::hmac_sha256(key.key, as_bytes(text)));
}

}  // namespace penstock::azure
