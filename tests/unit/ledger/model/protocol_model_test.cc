// The proof of the state machine: random schedules of a small world. Unmutated, every one ends with each
// record in one blob; with any sentence of the protocol left out, one that does not is found. That one is run
// once more with the sentence in its place, and has to end well: it is the sentence that was found missing.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
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
      std::getenv("PENSTOCK_MODEL_SEED") ? 1 : number_from("PENSTOCK_MODEL_SEEDS", 20'000);
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

// The search begins where a schedule is known to show the mutant, so that the test is quick, and goes on from
// there when a change of the model has moved it.
struct Named {
  Mutant mutant;
  const char* name;
  std::uint64_t first_seed;
};

class MutantIsFound : public testing::TestWithParam<Named> {};

TEST_P(MutantIsFound, as_a_record_doubled_or_lost) {
  const ActiveMutant active(GetParam().mutant);
  const std::uint64_t most = number_from("PENSTOCK_MODEL_SEEDS", 100'000);
  const std::uint64_t first = GetParam().first_seed;
  for (std::uint64_t seed = first; seed < first + most; ++seed) {
    const Verdict verdict = World(seed).run();
    if (verdict.unsafe()) {
      std::printf("found with seed %llu: %s\n", static_cast<unsigned long long>(seed), verdict.what.c_str());
      active_mutant = Mutant::none;
      const Verdict whole = World(seed).run();
      ASSERT_FALSE(whole.unsafe() || whole.stuck)
          << "the protocol itself fails with seed " << seed << ": " << whole.what;
      return;
    }
  }
  FAIL() << "no schedule of " << most << " shows what this sentence of the protocol is for";
}

#define PENSTOCK_NAMED(mutant, first_seed) \
  Named {                                  \
    Mutant::mutant, #mutant, first_seed    \
  }
constexpr Named k_mutants[] = {PENSTOCK_NAMED(no_fence, 849),
                               PENSTOCK_NAMED(no_wait_before_fence, 525),
                               PENSTOCK_NAMED(no_assign_after_changed_fence, 18537),
                               PENSTOCK_NAMED(assign_commits_at_once, 28288),
                               PENSTOCK_NAMED(fence_accepts_what_assign_wrote, 10950),
                               PENSTOCK_NAMED(assign_again_for_all_of_a_dropped_batch, 3504),
                               PENSTOCK_NAMED(reading_again_for_a_past_epoch, 5871),
                               PENSTOCK_NAMED(no_r2_for_claims, 1),
                               PENSTOCK_NAMED(no_r2_for_finishes, 5450),
                               PENSTOCK_NAMED(no_r2_for_start_positions, 2027),
                               PENSTOCK_NAMED(finish_outside_its_epoch, 29336),
                               PENSTOCK_NAMED(finish_after_the_next_claim, 1),
                               PENSTOCK_NAMED(looking_without_a_tombstone, 1),
                               PENSTOCK_NAMED(publish_before_claim, 1),
                               PENSTOCK_NAMED(assuming_data, 1),
                               PENSTOCK_NAMED(assuming_tombstone, 1),
                               PENSTOCK_NAMED(no_r1, 1),
                               PENSTOCK_NAMED(late_put_without_reading, 46663),
                               PENSTOCK_NAMED(unconditional_put, 1),
                               PENSTOCK_NAMED(partial_success_taken_for_success, 1),
                               PENSTOCK_NAMED(refused_claim_published, 1),
                               PENSTOCK_NAMED(dead_batch_without_dropping_later, 1),
                               PENSTOCK_NAMED(no_r8, 1542),
                               PENSTOCK_NAMED(r8_without_its_wait, 106763),
                               PENSTOCK_NAMED(r8_for_claims_only, 1542),
                               PENSTOCK_NAMED(commits_stamped_when_sent, 6419)};
INSTANTIATE_TEST_SUITE_P(ProtocolModel, MutantIsFound, testing::ValuesIn(k_mutants),
                         [](const testing::TestParamInfo<Named>& named) {
                           return std::string(named.param.name);
                         });

// A mutant without a test would be a sentence that nobody minds.
TEST(ProtocolModel, every_mutant_is_tried) {
  for (int i = 1; i < static_cast<int>(Mutant::count); ++i) {
    EXPECT_TRUE(std::any_of(std::begin(k_mutants), std::end(k_mutants),
                            [i](const Named& named) { return static_cast<int>(named.mutant) == i; }))
        << "mutant " << i << " of ledger/mutants.h";
  }
}

}  // namespace
}  // namespace penstock::ledger::model
