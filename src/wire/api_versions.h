// ApiVersions v0-v3: the first request of a connection. Which versions does this broker understand?
//
// The way: ask with v3. A broker that does not know it answers in v0 with UNSUPPORTED_VERSION, which
// decode_api_versions() understands, and is then asked with v0. A broker that closes the connection instead
// is asked with v0 on the next one.
#pragma once

#include <cstdint>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"

namespace penstock::wire {

// From v3 on a broker is told who asks. Both may hold letters, digits, '.' and '-' only, and begin and end
// with a letter or digit: a broker refuses others with INVALID_REQUEST.
struct ApiVersionsRequest {
  std::string_view software_name;
  std::string_view software_version;
};

void encode_api_versions(Buffer& out, std::int16_t version, const ApiVersionsRequest& request);

struct ApiVersionsResponse {
  // unsupported_version: ask again, with v0 or with what `versions` offers.
  ErrorCode error_code = ErrorCode::none;
  ApiVersions versions;
  std::int32_t throttle_ms = 0;
};

// `version` is the one that was asked with. Error: unreadable_response().
Result<ApiVersionsResponse> decode_api_versions(Bytes body, std::int16_t version);

}  // namespace penstock::wire
