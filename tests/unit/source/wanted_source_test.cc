#include "source/wanted_source.h"

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::source {
namespace {

const TopicPartition k_chosen{"orders", Partition{0}};
const TopicPartition k_other{"orders", Partition{1}};

// Hands over one span, and notes what it is asked for.
class NotedSource final : public Source {
 public:
  Result<void> start(SourceHandlers handlers) override {
    handlers_ = std::move(handlers);
    const std::array<Assigned, 2> assigned{Assigned{.id = k_chosen, .start = Position{0}},
                                           Assigned{.id = k_other, .start = Position{0}}};
    handlers_.assigned(assigned);
    return {};
  }
  void move(std::int64_t position) { handlers_.moved(PartitionSlot{0}, Position{position}, ""); }
  void offer(std::int64_t first, std::int64_t behind, std::int64_t next, bool lost = false) {
    records.clear();
    for (std::int64_t offset = first; offset < behind; ++offset) {
      records.emplace_back().offset = Offset{offset};
    }
    span = {.slot = PartitionSlot{0}, .records = records, .next = Position{next}, .lost = lost};
  }
  void poll() override {}
  const RecordSpan* front() override { return span.next == Position{} ? nullptr : &span; }
  void taken(std::size_t count) override { takes.push_back(count); }
  void fetch_from(PartitionSlot, Position position) override { fetches.push_back(position.value); }
  void read_elsewhere(PartitionSlot, Position from) override { skips.push_back(from.value); }
  void hold(PartitionSlot) override {}
  void distrust(PartitionSlot, Position) override {}
  void read_entries(std::vector<TopicPartition>,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)>) override {}
  void commit(std::span<const CommitItem>, std::function<void(CommitReply)>) override {}
  void release() override {}
  void close() override {}
  void partition_states(std::vector<PartitionState>&) const override {}
  SourceCounters counters() const override { return {}; }

  std::vector<RecordView> records;
  RecordSpan span;
  std::vector<std::size_t> takes;
  std::vector<std::int64_t> fetches;
  std::vector<std::int64_t> skips;

 private:
  SourceHandlers handlers_;
};

// Of partition 0 the offsets 3, 7 and 10 to 12 are wanted; of partition 1 none.
class WantedSourceTest : public ::testing::Test {
 protected:
  WantedSourceTest() {
    auto made = std::make_unique<NotedSource>();
    inner = made.get();
    WantedOffsets offsets{
        {k_chosen, {{Position{3}, Position{4}}, {Position{7}, Position{8}}, {Position{10}, Position{13}}}}};
    wanted = std::make_unique<WantedSource>(std::move(made),
                                            std::make_shared<const WantedOffsets>(std::move(offsets)));
    SourceHandlers handlers;
    handlers.assigned = [this](std::span<const Assigned> partitions) { assigned = partitions.size(); };
    handlers.moved = [this](PartitionSlot, Position position, const std::string&) { moved = position; };
    EXPECT_TRUE(wanted->start(std::move(handlers)).ok());
  }

  std::vector<std::int64_t> offsets() const {
    std::vector<std::int64_t> found;
    for (const RecordView& record : wanted->front()->records) {
      found.push_back(record.offset.value);
    }
    return found;
  }

  using Offsets = std::vector<std::int64_t>;
  using Counts = std::vector<std::size_t>;
  NotedSource* inner = nullptr;
  std::unique_ptr<WantedSource> wanted;
  std::size_t assigned = 0;
  Position moved{};
};

TEST_F(WantedSourceTest, hands_over_what_is_wanted_and_the_position_behind_all) {
  EXPECT_EQ(assigned, 2u);
  EXPECT_EQ(wanted->front(), nullptr);
  inner->offer(2, 12, 12);
  EXPECT_EQ(offsets(), (Offsets{3, 7, 10, 11}));
  EXPECT_EQ(wanted->front()->next, Position{12});
  EXPECT_EQ(wanted->front()->slot, PartitionSlot{0});
}

TEST_F(WantedSourceTest, what_is_taken_is_counted_with_what_is_dropped) {
  inner->offer(2, 12, 12);
  EXPECT_EQ(offsets().size(), 4u);
  wanted->taken(2);  // 3 and 7: the next that is wanted is the ninth
  EXPECT_EQ(inner->takes, Counts{8});
  inner->offer(10, 12, 12);
  EXPECT_EQ(offsets(), (Offsets{10, 11}));
  wanted->taken(2);
  EXPECT_EQ(inner->takes, (Counts{8, 2}));
}

TEST_F(WantedSourceTest, a_span_of_which_nothing_is_wanted_is_a_hole) {
  inner->offer(4, 7, 7);
  EXPECT_EQ(offsets(), Offsets{});
  EXPECT_EQ(wanted->front()->next, Position{7});
  wanted->taken(0);
  EXPECT_EQ(inner->takes, Counts{3});
  inner->offer(20, 20, 25);  // and so is a hole of the log
  EXPECT_EQ(offsets(), Offsets{});
  wanted->taken(0);
  EXPECT_EQ(inner->takes, (Counts{3, 0}));
}

TEST_F(WantedSourceTest, of_a_partition_that_is_not_wanted_nothing_passes) {
  inner->offer(2, 12, 12);
  inner->span.slot = PartitionSlot{1};
  EXPECT_EQ(offsets(), Offsets{});
}

TEST_F(WantedSourceTest, a_long_span_is_looked_at_piece_by_piece) {
  const auto piece = static_cast<std::int64_t>(WantedSource::k_looked_at_max);
  inner->offer(12, 12 + 2 * piece, 12 + 2 * piece);
  EXPECT_EQ(offsets(), Offsets{12});
  EXPECT_EQ(wanted->front()->next, Position{12 + piece});
  wanted->taken(1);
  EXPECT_EQ(inner->takes, Counts{WantedSource::k_looked_at_max});
}

TEST_F(WantedSourceTest, only_wanted_records_are_a_loss) {
  inner->offer(3, 4, 7, true);
  EXPECT_FALSE(wanted->front()->lost);
  inner->offer(3, 4, 8, true);
  EXPECT_TRUE(wanted->front()->lost);
}

TEST_F(WantedSourceTest, begins_at_the_first_wanted_record_and_says_that_it_skips) {
  wanted->fetch_from(PartitionSlot{0}, Position{4});
  EXPECT_EQ(inner->skips, Offsets{4});
  wanted->fetch_from(PartitionSlot{0}, Position{11});
  wanted->fetch_from(PartitionSlot{0}, Position{13});
  wanted->fetch_from(PartitionSlot{1}, Position{5});
  EXPECT_EQ(inner->fetches, (Offsets{7, 11, 13, 5}));
  EXPECT_EQ(inner->skips, Offsets{4});
}

TEST_F(WantedSourceTest, a_partition_that_has_moved_is_sent_to_that_very_place) {
  inner->move(5);
  EXPECT_EQ(moved, Position{5});
  wanted->fetch_from(PartitionSlot{0}, Position{5});
  wanted->fetch_from(PartitionSlot{0}, Position{5});
  EXPECT_EQ(inner->fetches, (Offsets{5, 7}));
}

}  // namespace
}  // namespace penstock::source
