#include "wire/api_versions.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::wire {
namespace {

// Three int16.
constexpr std::size_t k_entry_bytes = 6;

}  // namespace

// ApiVersionsRequest.json. Nothing before version 3, which is a flexible one:
//
//   software name compact string | software version compact string | tagged fields (none)
void encode_api_versions(Buffer& out, std::int16_t version, const ApiVersionsRequest& request) {
  if (!is_flexible(ApiKey::api_versions, version)) {
    return;
  }
  ByteWriter writer(out);
  writer.compact_string(request.software_name);
  writer.compact_string(request.software_version);
  writer.no_tagged_fields();
}

// ApiVersionsResponse.json. A number in brackets is the first version that has the field.
//
//   error code int16
//   | array (compact from 3 on): api key int16 | lowest int16 | highest int16 | tagged fields [3]
//   | throttle ms int32 [1] | tagged fields [3]
Result<ApiVersionsResponse> decode_api_versions(Bytes body, std::int16_t version) {
  ByteReader reader(body);
  ApiVersionsResponse response;
  response.error_code = ErrorCode{reader.int16()};
  // A broker that does not know the version of the question answers in version 0.
  const std::int16_t answered =
      response.error_code == ErrorCode::unsupported_version ? std::int16_t{0} : version;
  const bool flexible = is_flexible(ApiKey::api_versions, answered);
  const std::size_t count =
      flexible ? reader.compact_array_count(k_entry_bytes) : reader.array_count(k_entry_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int16_t api_key = reader.int16();
    VersionRange offered;
    offered.lowest = reader.int16();
    offered.highest = reader.int16();
    response.versions.set_raw(api_key, offered);
    if (flexible) {
      reader.skip_tagged_fields();
    }
  }
  if (answered >= 1) {
    response.throttle_ms = reader.int32();
  }
  if (flexible) {
    reader.skip_tagged_fields();
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::api_versions, version);
  }
  return response;
}

}  // namespace penstock::wire
