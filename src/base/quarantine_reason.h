// Why a record does not go into its topic's file, but into the quarantine beside it (format/quarantine.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

enum class QuarantineReason : std::uint8_t { not_json, too_large };
inline constexpr std::size_t k_quarantine_reasons = 2;

// As lines of the quarantine and labels of metrics have them.
constexpr std::string_view to_string(QuarantineReason reason) {
  constexpr std::array<std::string_view, k_quarantine_reasons> k_names{"not-json", "too-large"};
  return k_names[static_cast<std::size_t>(reason)];
}

}  // namespace penstock
