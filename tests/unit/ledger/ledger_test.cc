#include "ledger/ledger.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::ledger {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr PartitionSlot k_p0{0};
constexpr PartitionSlot k_p1{1};
constexpr BatchKey k_a{1};
constexpr BatchKey k_b{2};
constexpr BatchKey k_c{3};

Ledger two_partitions() {
  Ledger ledger;
  const std::array starts{Position{10}, Position{20}};
  ledger.begin_epoch(starts);
  return ledger;
}

TEST(Ledger, commits_nothing_before_the_batch_is_published) {
  Ledger ledger = two_partitions();
  ledger.extend(k_a, k_p0, Position{15});
  EXPECT_THAT(ledger.uncommitted(), IsEmpty());
  EXPECT_FALSE(ledger.settled());
  ledger.published(k_a);
  EXPECT_THAT(ledger.uncommitted(), ElementsAre(CommitEntry{k_p0, Position{15}}));
  EXPECT_FALSE(ledger.settled());
  ledger.committed_now(ledger.uncommitted());
  EXPECT_TRUE(ledger.settled());
  EXPECT_EQ(ledger.committed(k_p0), Position{15});
}

TEST(Ledger, a_later_batch_waits_for_an_earlier_one_of_the_same_partition) {
  Ledger ledger = two_partitions();
  ledger.extend(k_a, k_p0, Position{15});
  ledger.extend(k_b, k_p0, Position{18});
  ledger.extend(k_b, k_p1, Position{22});
  ledger.published(k_b);
  // Partition 1 has only batch b; partition 0 has a hole before it.
  EXPECT_THAT(ledger.uncommitted(), ElementsAre(CommitEntry{k_p1, Position{22}}));
  ledger.published(k_a);
  EXPECT_THAT(ledger.uncommitted(),
              ElementsAre(CommitEntry{k_p0, Position{18}}, CommitEntry{k_p1, Position{22}}));
}

TEST(Ledger, a_commit_overtaken_by_a_publication_leaves_the_rest_uncommitted) {
  Ledger ledger = two_partitions();
  ledger.extend(k_a, k_p0, Position{15});
  ledger.published(k_a);
  const auto in_flight = ledger.uncommitted();
  ledger.extend(k_b, k_p0, Position{19});
  ledger.published(k_b);
  ledger.committed_now(in_flight);
  EXPECT_THAT(ledger.uncommitted(), ElementsAre(CommitEntry{k_p0, Position{19}}));
}

TEST(Ledger, extending_by_nothing_puts_nothing_into_a_batch) {
  Ledger ledger = two_partitions();
  ledger.extend(k_a, k_p0, Position{10});
  EXPECT_TRUE(ledger.settled());
}

TEST(Ledger, knows_what_no_blob_tells_of) {
  Ledger ledger = two_partitions();
  ledger.restart(k_p1, Position{20}, Bare{.from = Position{18}, .is_start = true});
  ledger.extend(k_a, k_p0, Position{15});
  ledger.extend(k_b, k_p0, Position{18});
  ledger.extend(k_b, k_p1, Position{22});
  ledger.is_bare(k_b);
  EXPECT_EQ(ledger.bare(k_p0), std::nullopt);
  EXPECT_EQ(ledger.bare_received(k_p0), Bare{.from = Position{15}});
  EXPECT_EQ(ledger.bare_received(k_p1), (Bare{.from = Position{18}, .is_start = true}));
  ledger.published(k_b);
  EXPECT_EQ(ledger.bare(k_p0), std::nullopt) << "the batch before it is not published";
  ledger.published(k_a);
  EXPECT_EQ(ledger.bare(k_p0), Bare{.from = Position{15}});
  ledger.extend(k_c, k_p0, Position{30});
  EXPECT_EQ(ledger.bare_received(k_p0), std::nullopt);
  ledger.published(k_c);
  EXPECT_EQ(ledger.bare(k_p0), std::nullopt);
}

TEST(Ledger, forgets_an_epoch_and_ignores_its_batches) {
  Ledger ledger = two_partitions();
  ledger.extend(k_a, k_p0, Position{15});
  ledger.end_epoch();
  const std::array starts{Position{10}};
  ledger.begin_epoch(starts);
  ledger.published(k_a);
  EXPECT_THAT(ledger.uncommitted(), IsEmpty());
  EXPECT_EQ(ledger.received(k_p0), Position{10});
}

TEST(Ledger, positions_are_in_order_whatever_the_order_of_publication) {
  constexpr std::array<std::array<BatchKey, 3>, 6> k_orders{
      {{k_a, k_b, k_c}, {k_a, k_c, k_b}, {k_b, k_a, k_c}, {k_b, k_c, k_a}, {k_c, k_a, k_b}, {k_c, k_b, k_a}}};
  for (const auto& order : k_orders) {
    Ledger ledger = two_partitions();
    ledger.extend(k_a, k_p0, Position{12});
    ledger.extend(k_b, k_p0, Position{14});
    ledger.extend(k_c, k_p0, Position{16});
    std::array<bool, 3> published{};
    for (const BatchKey batch : order) {
      ledger.published(batch);
      published[batch.value - 1] = true;
      Position expected{10};
      for (std::size_t i = 0; i < published.size() && published[i]; ++i) {
        expected.value += 2;
      }
      EXPECT_EQ(ledger.committable(k_p0), expected);
    }
  }
}

TEST(LedgerDeathTest, a_position_never_goes_back) {
  Ledger ledger = two_partitions();
  ledger.extend(k_a, k_p0, Position{15});
  EXPECT_DEATH(ledger.extend(k_a, k_p0, Position{14}), "failed: 14 >= 15");
}

TEST(LedgerDeathTest, a_partition_does_not_return_to_an_earlier_batch) {
  Ledger ledger = two_partitions();
  ledger.extend(k_b, k_p0, Position{15});
  EXPECT_DEATH(ledger.extend(k_a, k_p0, Position{16}), "2 < 1");
}

}  // namespace
}  // namespace penstock::ledger
