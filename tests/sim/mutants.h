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
  partial_success_taken_for_success,  // BrokerFront
  commits_stamped_when_sent,          // BrokerFront
};

struct MutantName {
  Mutant mutant;
  std::string_view name;
  std::uint64_t first;  // the first seed that showed it
};
inline constexpr std::array k_mutants{
    MutantName{Mutant::unconditional_put, "unconditional_put", 1},
    MutantName{Mutant::partial_success_taken_for_success, "partial_success_taken_for_success", 196},
    MutantName{Mutant::commits_stamped_when_sent, "commits_stamped_when_sent", 19},
};

}  // namespace penstock::sim
