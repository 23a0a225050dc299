#include "wire/api_versions.h"

#include "base/check.h"
#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::wire {
namespace {

constexpr std::int16_t k_flexible_version = 3;

// Three int16.
constexpr std::size_t k_entry_bytes = 6;

void compact_string(ByteWriter& writer, std::string_view text) {
  CHECK(text.size() < std::size_t{INT16_MAX});
  writer.unsigned_varint(static_cast<std::uint32_t>(text.size()) + 1);
  writer.raw(as_bytes(text));
}

// Tagged fields: a count, then for each a tag, a length and so many bytes, all numbers unsigned varints. We
// know none.
void skip_tagged_fields(ByteReader& reader) {
  for (std::uint32_t count = reader.unsigned_varint(); count > 0 && reader.ok(); --count) {
    static_cast<void>(reader.unsigned_varint());
    reader.skip(reader.unsigned_varint());
  }
}

// The count of a compact array: what stands there is one too high, and 0 is null.
std::size_t compact_count(ByteReader& reader) {
  const std::uint32_t count = reader.unsigned_varint();
  if (count > 0 && count - 1 > reader.remaining() / k_entry_bytes) {
    reader.fail();
    return 0;
  }
  return count == 0 ? 0 : count - 1;
}

}  // namespace

// ApiVersionsRequest.json. Nothing before version 3, which is a flexible one:
//
//   software name compact string | software version compact string | tagged fields (none)
//
// A compact string has its length plus one as an unsigned varint before its bytes.
void encode_api_versions(Buffer& out, std::int16_t version, const ApiVersionsRequest& request) {
  if (version < k_flexible_version) {
    return;
  }
  ByteWriter writer(out);
  compact_string(writer, request.software_name);
  compact_string(writer, request.software_version);
  writer.unsigned_varint(0);
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
  const bool flexible = answered >= k_flexible_version;
  const std::size_t count = flexible ? compact_count(reader) : reader.array_count(k_entry_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int16_t api_key = reader.int16();
    VersionRange offered;
    offered.lowest = reader.int16();
    offered.highest = reader.int16();
    response.versions.set_raw(api_key, offered);
    if (flexible) {
      skip_tagged_fields(reader);
    }
  }
  if (answered >= 1) {
    response.throttle_ms = reader.int32();
  }
  if (flexible) {
    skip_tagged_fields(reader);
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::api_versions, version);
  }
  return response;
}

}  // namespace penstock::wire
