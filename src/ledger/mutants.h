// What each sentence of the claim protocol prevents, as switches: the machine with one sentence left out.
// PROTOCOL.md, "What each sentence prevents", tells for each of them what goes wrong.
//
// They exist in the test build only (PENSTOCK_MUTANTS, library penstock_ledger_mutants), where a test shows
// that each of them is found. In the build that ships mutated() is false before the compiler looks further.
#pragma once

#include <cstdint>

namespace penstock::ledger {

enum class Mutant : std::uint8_t {
  none,
  no_fence,
  no_wait_before_fence,
  no_assign_after_changed_fence,
  assign_commits_at_once,
  fence_accepts_what_assign_wrote,  // and Assign commits at once
  assign_again_for_all_of_a_dropped_batch,
  reading_again_for_a_past_epoch,
  no_r2_for_claims,
  no_r2_for_finishes,
  no_r2_for_start_positions,
  finish_outside_its_epoch,
  finish_after_the_next_claim,
  looking_without_a_tombstone,
  publish_before_claim,
  assuming_data,
  assuming_tombstone,
  no_r1,
  late_put_without_reading,
  unconditional_put,                  // of whoever puts: the machine itself puts nothing
  partial_success_taken_for_success,  // of whoever reads the broker's answer
  refused_claim_published,
  dead_batch_without_dropping_later,
  no_r8,
  r8_without_its_wait,
  r8_for_claims_only,
  commits_stamped_when_sent,  // of whoever stamps
  count,
};

// Whether this sentence is left out. At most one is.
#ifdef PENSTOCK_MUTANTS
inline Mutant active_mutant = Mutant::none;
inline bool mutated(Mutant mutant) {
  return active_mutant == mutant;
}
#else
constexpr bool mutated(Mutant) {
  return false;
}
#endif

}  // namespace penstock::ledger
