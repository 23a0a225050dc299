// Ids of a registry with Confluent's API.
#pragma once

#include <cstdint>

#include "codec/schema_id.h"

namespace penstock::registry {

inline codec::SchemaId id_of(std::uint8_t number) {
  codec::SchemaId id;
  id.bytes.back() = number;
  return id;
}

}  // namespace penstock::registry
