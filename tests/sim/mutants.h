// The sentences of PROTOCOL.md that can be left out (its section "Mutants"), by name. Those of the state
// machine are switches of ledger; the three that others keep are switches here.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace penstock::sim {

enum class Mutant : std::uint8_t {
  none,
  unconditional_put,                  // SimBlobStore
  partial_success_taken_for_success,  // SimSource
  commits_stamped_when_sent,          // SimSource
};

struct MutantName {
  Mutant mutant;
  std::string_view name;
};
inline constexpr std::array k_mutants{
    MutantName{Mutant::unconditional_put, "unconditional_put"},
    MutantName{Mutant::partial_success_taken_for_success, "partial_success_taken_for_success"},
    MutantName{Mutant::commits_stamped_when_sent, "commits_stamped_when_sent"},
};

}  // namespace penstock::sim
