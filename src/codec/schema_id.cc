#include "codec/schema_id.h"

#include <span>

#include "base/hex.h"
#include "base/types.h"

namespace penstock::codec {

std::string to_string(const SchemaId& id) {
  std::string hex = to_hex(std::as_bytes(std::span(id.bytes)));
  switch (id.kind) {
    case SchemaId::Kind::azure:
      return hex;
    case SchemaId::Kind::guid:
      for (const std::size_t at : {20, 16, 12, 8}) {
        hex.insert(at, 1, '-');
      }
      return hex;
    case SchemaId::Kind::number:
    case SchemaId::Kind::global_id:
    case SchemaId::Kind::content_id:
      break;
  }
  std::uint64_t number = 0;
  for (std::size_t i = SchemaId::k_bytes - sizeof number; i < SchemaId::k_bytes; ++i) {
    number = number << 8 | id.bytes[i];
  }
  return std::to_string(number);
}

}  // namespace penstock::codec
