#include "obs/boards.h"

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::obs {
namespace {

TEST(TopicBoard, a_topics_counters_stay_where_they_are_while_topics_come) {
  TopicBoard board;
  TopicMetrics& first = board.of("first");
  for (int i = 0; i < 1000; ++i) {
    board.of("topic-" + std::to_string(i));
  }
  EXPECT_EQ(&board.of("first"), &first);
  first.records.add(7);
  first.bytes.add(70);
  first.blobs.add();
  first.quarantined[QuarantineReason::not_json].add(4);
  first.quarantined[QuarantineReason::too_large].add(5);
  const std::vector<TopicTotals> totals = board.totals();
  ASSERT_EQ(totals.size(), 1001U);
  EXPECT_EQ(totals[0].topic, "first");
  EXPECT_EQ(totals[0].records, 7U);
  EXPECT_EQ(totals[0].bytes, 70U);
  EXPECT_EQ(totals[0].blobs, 1U);
  EXPECT_EQ(totals[0].quarantined, (std::array<std::uint64_t, k_quarantine_reasons>{4, 5}));
}

TEST(PartitionBoard, exchange_shows_the_new_rows_and_gives_the_former_back) {
  PartitionBoard board;
  std::vector<PartitionRow> rows{{{"api", Partition{1}}, Position{5}, Position{9}, Position{4}}};
  board.exchange(rows);
  EXPECT_TRUE(rows.empty());
  ASSERT_EQ(board.rows().size(), 1U);
  EXPECT_EQ(board.rows()[0].position, Position{5});
  board.exchange(rows);
  EXPECT_EQ(rows.size(), 1U);
  EXPECT_TRUE(board.rows().empty());
}

// For ThreadSanitizer; and a reader never sees a board that is half of one second and half of the next.
TEST(Boards, readers_see_whole_boards_while_the_worker_writes) {
  constexpr std::size_t k_rows = 50;
  TopicBoard topics;
  PartitionBoard partitions;
  std::atomic<bool> done = false;
  std::jthread worker([&] {
    std::vector<PartitionRow> rows;
    for (std::int64_t round = 1; round <= 500; ++round) {
      rows.assign(k_rows, {{"api", Partition{0}}, Position{round}, Position{round}, Position{round}});
      partitions.exchange(rows);
      topics.of("topic-" + std::to_string(round % 10)).records.add();
    }
    done = true;
  });
  while (!done) {
    const std::vector<PartitionRow> rows = partitions.rows();
    for (const PartitionRow& row : rows) {
      ASSERT_EQ(row.position, rows.front().position);
    }
    ASSERT_LE(topics.totals().size(), 10U);
  }
  ASSERT_EQ(partitions.rows().size(), k_rows);
  std::uint64_t records = 0;
  for (const TopicTotals& topic : topics.totals()) {
    records += topic.records;
  }
  EXPECT_EQ(records, 500U);
}

}  // namespace
}  // namespace penstock::obs
