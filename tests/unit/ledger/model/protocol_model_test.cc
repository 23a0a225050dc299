// The proof of the state machine: random schedules of a small world. Unmutated, every one ends with each record in one
// blob; with any sentence of the protocol left out, one that does not is found.
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "world.h"

namespace penstock::ledger::model {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class ActiveMutant {
 public:
  explicit ActiveMutant(Mutant mutant) { active_mutant = mutant; }
  ~ActiveMutant() { active_mutant = Mutant::none; }
  ActiveMutant(const ActiveMutant&) = delete;
  ActiveMutant& operator=(const ActiveMutant&) = delete;
};

// PENSTOCK_MODEL_SEED repeats one schedule, PENSTOCK_MODEL_SEEDS runs more of them.
TEST(ProtocolModel, every_record_lands_once_whatever_happens) {
  const std::uint64_t first = number_from("PENSTOCK_MODEL_SEED", 1);
  const std::uint64_t count =
      std::getenv("PENSTOCK_MODEL_SEED") ? 1 : number_from("PENSTOCK_MODEL_SEEDS", 60'000);
  Counters total;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    World world(seed);
    const Verdict verdict = world.run();
    ASSERT_FALSE(verdict.unsafe() || verdict.stuck)
        << verdict.what << "\nrepeat it with PENSTOCK_MODEL_SEED=" << seed
        << " unit_ledger_model --gtest_filter=ProtocolModel.every_record_lands_once_whatever_happens";
    total.blobs += world.counters().blobs;
    total.tombstones += world.counters().tombstones;
    total.drops += world.counters().drops;
    total.zombies += world.counters().zombies;
    total.commits += world.counters().commits;
  }
  if (count > 1) {  // the schedules are worth something
    EXPECT_GT(total.blobs, count);
    EXPECT_GT(total.tombstones, count / 10);
    EXPECT_GT(total.drops, count / 10);
    EXPECT_GT(total.zombies, count / 10);
  }
  std::printf(
      "%llu schedules: %llu blobs, %llu tombstones, %llu dropped batches, %llu zombies, %llu commits\n",
      static_cast<unsigned long long>(count), static_cast<unsigned long long>(total.blobs),
      static_cast<unsigned long long>(total.tombstones), static_cast<unsigned long long>(total.drops),
      static_cast<unsigned long long>(total.zombies), static_cast<unsigned long long>(total.commits));
}

struct Named {
  Mutant mutant;
  const char* name;
};

class MutantIsFound : public testing::TestWithParam<Named> {};

TEST_P(MutantIsFound, as_a_record_doubled_or_lost) {
  const ActiveMutant active(GetParam().mutant);
  const std::uint64_t most = number_from("PENSTOCK_MODEL_SEEDS", 100'000);
  for (std::uint64_t seed = 1; seed <= most; ++seed) {
    World world(seed);
    const Verdict verdict = world.run();
    if (verdict.unsafe()) {
      std::printf("found with seed %llu: %s\n", static_cast<unsigned long long>(seed), verdict.what.c_str());
      return;
    }
  }
  FAIL() << "no schedule of " << most << " shows what this sentence of the protocol is for";
}

#define PENSTOCK_NAMED(mutant) \
  Named {                      \
    Mutant::mutant, #mutant    \
  }
INSTANTIATE_TEST_SUITE_P(
    ProtocolModel, MutantIsFound,
    testing::Values(PENSTOCK_NAMED(no_fence), PENSTOCK_NAMED(no_wait_before_fence),
                    PENSTOCK_NAMED(no_assign_after_changed_fence), PENSTOCK_NAMED(assign_commits_at_once),
                    PENSTOCK_NAMED(fence_accepts_what_assign_wrote),
                    PENSTOCK_NAMED(assign_again_for_all_of_a_dropped_batch),
                    PENSTOCK_NAMED(reading_again_for_a_past_epoch), PENSTOCK_NAMED(no_r2_for_claims),
                    PENSTOCK_NAMED(no_r2_for_finishes), PENSTOCK_NAMED(no_r2_for_start_positions),
                    PENSTOCK_NAMED(finish_outside_its_epoch), PENSTOCK_NAMED(finish_after_the_next_claim),
                    PENSTOCK_NAMED(looking_without_a_tombstone), PENSTOCK_NAMED(publish_before_claim),
                    PENSTOCK_NAMED(assuming_data), PENSTOCK_NAMED(assuming_tombstone), PENSTOCK_NAMED(no_r1),
                    PENSTOCK_NAMED(unconditional_put), PENSTOCK_NAMED(partial_success_taken_for_success),
                    PENSTOCK_NAMED(refused_claim_published),
                    PENSTOCK_NAMED(dead_batch_without_dropping_later), PENSTOCK_NAMED(no_r8),
                    PENSTOCK_NAMED(r8_without_its_wait), PENSTOCK_NAMED(r8_for_claims_only),
                    PENSTOCK_NAMED(commits_stamped_when_sent)),
    [](const testing::TestParamInfo<Named>& info) { return std::string(info.param.name); });

// A mutant without a test would be a sentence that nobody minds.
TEST(ProtocolModel, every_mutant_is_tried) {
  EXPECT_EQ(static_cast<int>(Mutant::count), 26);
}

}  // namespace
}  // namespace penstock::ledger::model
