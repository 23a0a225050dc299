// The name of a schema in a registry, as a record has it. Pure.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

namespace penstock::codec {

struct SchemaId {
  enum class Kind : std::uint8_t {
    number,      // Confluent's: 4 bytes
    guid,        // Confluent's newer one: 16 bytes
    azure,       // 16 bytes, written as 32 hex digits
    global_id,   // Apicurio's: 8 bytes, of one version of an artifact
    content_id,  // Apicurio's: 8 bytes, of a text that several artifacts may have
  };
  static constexpr std::size_t k_bytes = 16;

  Kind kind = Kind::number;
  // Big-endian, and shorter ones at the end.
  std::array<std::uint8_t, k_bytes> bytes{};

  friend auto operator<=>(const SchemaId&, const SchemaId&) = default;
};

// As its registry's address has it: "7", "0f5f6d21-4ac0-11f0-9cd2-0242ac120002", 32 hex digits.
std::string to_string(const SchemaId& id);

}  // namespace penstock::codec
