// How a request to the schema registry ended, as metrics count it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

enum class SchemaOutcome : std::uint8_t {
  found,
  unknown,      // there is no such schema
  unusable,     // there is one, and it is of Protobuf, or not to be read
  refused,      // 401, 403
  unavailable,  // no answer, or one that is none of the registry's
};
inline constexpr std::size_t k_schema_outcomes = 5;

constexpr std::string_view to_string(SchemaOutcome outcome) {
  constexpr std::array<std::string_view, k_schema_outcomes> k_names{"found", "unknown", "unusable", "refused",
                                                                    "unavailable"};
  return k_names[static_cast<std::size_t>(outcome)];
}

}  // namespace penstock
