#include "format/decoded_value.h"

#include <algorithm>
#include <span>

#include "base/check.h"
#include "codec/avro_json.h"

namespace penstock::format {

DecodedValue decode_value(const RecordSchema& schema, MutableBytes room) {
  if (!schema.fault.empty()) {
    return {.fault = schema.fault};
  }
  CHECK(schema.avro != nullptr);
  const MutableBytes allowed = room.first(std::min(room.size(), k_decoded_bytes_max));
  const codec::AvroJson json = codec::write_avro_json(*schema.avro, schema.bytes, allowed);
  if (json.fault == codec::AvroFault::no_room && room.size() < k_decoded_bytes_max) {
    return {.fault = {}, .no_room = true};
  }
  if (json.fault != codec::AvroFault::none) {
    return {.fault = to_string(json.fault)};
  }
  return {.fault = {}, .bytes = json.bytes};
}

DecodedValue append_decoded(const RecordSchema& schema, std::string& out) {
  constexpr std::size_t k_room_min = 256;
  const std::size_t before = out.size();
  std::size_t room = std::min(k_decoded_bytes_max, 4 * schema.bytes.size() + k_room_min);
  for (;; room = std::min(k_decoded_bytes_max, 4 * room)) {
    out.resize(before + room);
    const DecodedValue decoded = decode_value(schema, std::as_writable_bytes(std::span(out)).subspan(before));
    if (!decoded.no_room) {
      out.resize(before + decoded.bytes);
      return decoded;
    }
  }
}

}  // namespace penstock::format
