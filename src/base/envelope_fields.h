// What a row of an envelope may tell of its record (format/envelope.h), as configurations choose it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

enum class EnvelopeField : std::uint8_t {
  topic,
  partition,
  offset,
  timestamp,
  timestamp_type,
  key,
  headers,
  value,
};

// By EnvelopeField.
inline constexpr std::array<std::string_view, 8> k_envelope_field_names{
    "topic", "partition", "offset", "timestamp", "timestamp_type", "key", "headers", "value"};

class EnvelopeFields {
 public:
  static constexpr EnvelopeFields none() { return EnvelopeFields(0); }
  static constexpr EnvelopeFields all() { return EnvelopeFields(0xff); }

  constexpr bool has(EnvelopeField field) const { return (bits_ >> static_cast<unsigned>(field) & 1U) != 0; }
  constexpr EnvelopeFields with(EnvelopeField field) const {
    return EnvelopeFields(bits_ | 1U << static_cast<unsigned>(field));
  }
  constexpr unsigned bits() const { return bits_; }

  friend constexpr bool operator==(const EnvelopeFields&, const EnvelopeFields&) = default;

 private:
  explicit constexpr EnvelopeFields(unsigned bits) : bits_(static_cast<std::uint8_t>(bits)) {}

  std::uint8_t bits_;
};

}  // namespace penstock
