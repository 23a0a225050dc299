// LeaveGroup v3: a member leaves its group now, and its partitions go to others at once. Version 3 is the
// first that names static members by their instance id.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"

namespace penstock::wire {

struct LeaveGroupRequest {
  std::string_view group;
  std::string_view member_id;
  // Of a static member.
  std::optional<std::string_view> instance_id;
};

void encode_leave_group(Buffer& out, std::int16_t version, const LeaveGroupRequest& request);

struct LeaveGroupResponse {
  std::int32_t throttle_ms = 0;
  // Of the whole request.
  ErrorCode error_code = ErrorCode::none;
  // Of each member that was named: one, as a request has one.
  std::vector<ErrorCode> member_codes;
};

// Error: unreadable_response().
Result<LeaveGroupResponse> decode_leave_group(Bytes body, std::int16_t version);

}  // namespace penstock::wire
