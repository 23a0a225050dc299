#include "wire/find_coordinator.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::wire {

// FindCoordinatorRequest.json:  key string | key type int8 [1]
//
// A number in brackets is the first version that has the field. Before version 1 every key is a group.
void encode_find_coordinator(Buffer& out, std::int16_t version, const FindCoordinatorRequest& request) {
  constexpr std::int8_t k_kind_group = 0;
  ByteWriter writer(out);
  writer.string(request.group);
  if (version >= 1) {
    writer.int8(k_kind_group);
  }
}

// FindCoordinatorResponse.json:
//
//   throttle ms int32 [1] | error code int16 | error message nullable string [1]
//   | node id int32 | host string | port int32
Result<FindCoordinatorResponse> decode_find_coordinator(Bytes body, std::int16_t version) {
  ByteReader reader(body);
  FindCoordinatorResponse response;
  if (version >= 1) {
    response.throttle_ms = reader.int32();
  }
  response.error_code = ErrorCode{reader.int16()};
  if (version >= 1) {
    response.error_text = reader.string();
  }
  response.coordinator.id = BrokerId{reader.int32()};
  response.coordinator.host = reader.string();
  response.coordinator.port = reader.int32();
  if (!reader.ok()) {
    return unreadable_response(ApiKey::find_coordinator, version);
  }
  return response;
}

}  // namespace penstock::wire
