#include "lake/blob_headers.h"

#include <charconv>
#include <string>
#include <system_error>

#include "base/concat.h"
#include "base/letter_case.h"

namespace penstock::lake {
Result<BlobProperties> properties_of(const http::Headers& headers, std::string_view operation) {
  constexpr std::string_view k_metadata = "x-ms-meta-";
  BlobProperties properties;
  const std::string_view length = headers.find("content-length").value_or("");
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), properties.bytes);
  if (error != std::errc{} || end != length.data() + length.size()) {
    return make_error(ErrorKind::corrupt, Action::retry,
                      concat(operation, ": the answer has no Content-Length"));
  }
  for (const auto& [name, value] : headers) {
    const std::string key = lower(name);
    if (key.starts_with(k_metadata)) {
      properties.metadata.emplace_back(key.substr(k_metadata.size()), value);
    }
  }
  return properties;
}

}  // namespace penstock::lake
