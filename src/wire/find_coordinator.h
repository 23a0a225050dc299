// FindCoordinator v0-v2: which broker keeps the group's offsets?
#pragma once

#include <cstdint>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"
#include "wire/metadata.h"

namespace penstock::wire {

struct FindCoordinatorRequest {
  std::string_view group;
};

void encode_find_coordinator(Buffer& out, std::int16_t version, const FindCoordinatorRequest& request);

struct FindCoordinatorResponse {
  // From v1 on.
  std::int32_t throttle_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  // From v1 on: the broker's words, often none. Lies in the body.
  std::string_view error_text;
  Broker coordinator;
};

// Error: unreadable_response(). The response's own error code is the caller's to read.
Result<FindCoordinatorResponse> decode_find_coordinator(Bytes body, std::int16_t version);

}  // namespace penstock::wire
