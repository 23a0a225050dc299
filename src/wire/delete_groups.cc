#include "wire/delete_groups.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::wire {

// DeleteGroupsRequest.json, versions 0 and 1:  array: group string
void encode_delete_groups(Buffer& out, std::int16_t /*version*/, const DeleteGroupsRequest& request) {
  ByteWriter writer(out);
  writer.array_count(1);
  writer.string(request.group);
}

// DeleteGroupsResponse.json, versions 0 and 1:  throttle ms int32 | array: group string | error code int16
Result<DeleteGroupsResponse> decode_delete_groups(Bytes body, std::int16_t version) {
  constexpr std::size_t k_group_bytes_min = 2 + 2;
  ByteReader reader(body);
  DeleteGroupsResponse response;
  response.throttle_ms = reader.int32();
  const std::size_t count = reader.array_count(k_group_bytes_min);
  response.codes.reserve(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    static_cast<void>(reader.string());
    response.codes.push_back(ErrorCode{reader.int16()});
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::delete_groups, version);
  }
  return response;
}

}  // namespace penstock::wire
