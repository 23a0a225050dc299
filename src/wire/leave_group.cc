#include "wire/leave_group.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::wire {

// LeaveGroupRequest.json, version 3:  group string | array: member id string | instance id nullable string
void encode_leave_group(Buffer& out, std::int16_t /*version*/, const LeaveGroupRequest& request) {
  ByteWriter writer(out);
  writer.string(request.group);
  writer.array_count(1);
  writer.string(request.member_id);
  writer.nullable_string(request.instance_id);
}

// LeaveGroupResponse.json, version 3:
//
//   throttle ms int32 | error code int16
//   | array: member id string | instance id nullable string | error code int16
Result<LeaveGroupResponse> decode_leave_group(Bytes body, std::int16_t version) {
  constexpr std::size_t k_member_bytes_min = 2 + 2 + 2;
  ByteReader reader(body);
  LeaveGroupResponse response;
  response.throttle_ms = reader.int32();
  response.error_code = ErrorCode{reader.int16()};
  const std::size_t count = reader.array_count(k_member_bytes_min);
  response.member_codes.reserve(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    static_cast<void>(reader.string());           // member id
    static_cast<void>(reader.nullable_string());  // instance id
    response.member_codes.push_back(ErrorCode{reader.int16()});
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::leave_group, version);
  }
  return response;
}

}  // namespace penstock::wire
