// Every answer at every step, one at a time. What they come to together is unit_ledger_model's.
#include "ledger/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::ledger {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr PartitionSlot k_p{0};
constexpr PartitionSlot k_q{1};
constexpr BatchKey k_batch_a{1};
constexpr BatchKey k_batch_b{2};
constexpr BatchKey k_batch_c{3};

AssignedPartition partition(int number, std::optional<GroupEntry> entry, bool pin = false) {
  return {.id = {.topic = "t", .partition = {number}},
          .entry = std::move(entry),
          .start = Position{0},
          .pin_start = pin};
}

// A driver that remembers what it was asked to do.
struct Driver {
  explicit Driver(Guarantee guarantee = Guarantee::exactly_once, Duration finish_pause = {})
      : machine({.guarantee = guarantee, .sink = "00c0ffee", .finish_pause = finish_pause}) {}

  void begin(std::vector<AssignedPartition> partitions) {
    machine.begin_epoch(now, partitions);
    turn();
  }
  void turn(Duration later = {}) {
    now += later;
    seen.clear();
    for (std::vector<Action> more = machine.next(now); !more.empty(); more = machine.next(now)) {
      seen.insert(seen.end(), more.begin(), more.end());
    }
  }
  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const Action& action : seen) {
      if (const T* one = std::get_if<T>(&action)) {
        found.push_back(*one);
      }
    }
    return found;
  }
  template <class T>
  bool has() const {
    return !all<T>().empty();
  }
  template <class T>
  T only() const {
    const std::vector<T> found = all<T>();
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? T{} : found[0];
  }
  void read(const std::vector<std::optional<GroupEntry>>& entries) {
    machine.entries_read(now, only<ReadEntries>().ask, entries);
    turn();
  }
  // To the fence and past it, unchanged.
  void fence(const std::vector<std::optional<GroupEntry>>& entries) {
    turn(10s);
    read(entries);
  }
  void batch(BatchKey key, std::vector<std::pair<PartitionSlot, std::int64_t>> nexts, const char* blob) {
    for (const auto& [slot, next] : nexts) {
      machine.extend(key, slot, Position{next});
    }
    machine.sealed(key, blob);
    machine.stored(key);
    turn();
  }
  void answer(const CommitReply& reply) {
    machine.commit_answered(now, only<Commit>().ask, reply);
    turn();
  }
  void answer(CommitOutcome outcome, bool membership_lost = false) {
    CommitReply reply = CommitReply::alike(only<Commit>().items.size(), outcome);
    reply.membership_lost = membership_lost;
    machine.commit_answered(now, only<Commit>().ask, reply);
    turn();
  }

  Protocol machine;
  MonoTime now{1000s};
  std::vector<Action> seen;
};

MATCHER_P2(StartsAt, slot, position, "") {
  return arg.slot == slot && arg.position == Position{position};
}

TEST(Protocol, a_batch_is_fenced_claimed_put_and_finished) {
  Driver d;
  d.begin({partition(0, std::nullopt), partition(1, GroupEntry{Position{7}, ""})});
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0), StartsAt(k_q, 7)));
  d.batch(k_batch_a, {{k_p, 5}, {k_q, 9}}, "a");
  EXPECT_THAT(d.seen, IsEmpty());
  d.turn(9999ms);
  EXPECT_THAT(d.seen, IsEmpty());  // at least fence_wait
  d.turn(1ms);
  EXPECT_THAT(d.only<ReadEntries>().partitions, ElementsAre(partition(0, {}).id, partition(1, {}).id));
  d.read({std::nullopt, GroupEntry{Position{7}, ""}});
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::claim);
  EXPECT_THAT(d.only<Commit>().items,
              ElementsAre(CommitItem{k_p, Position{0}, "p3;5;00c0ffee;;s0;a", Position{5}},
                          CommitItem{k_q, Position{7}, "p1;9;00c0ffee;a", Position{9}}));
  EXPECT_FALSE(d.has<PutBlob>());
  d.answer(CommitOutcome::done);
  EXPECT_EQ(d.only<PutBlob>().batch, k_batch_a);
  EXPECT_EQ(d.machine.claimed_count(), 1u);
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn();
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::finish);
  EXPECT_THAT(d.only<Commit>().items,
              ElementsAre(CommitItem{k_p, Position{5}, ""}, CommitItem{k_q, Position{9}, ""}));
  EXPECT_FALSE(d.machine.settled());
  d.answer(CommitOutcome::done);
  EXPECT_TRUE(d.machine.settled());
  EXPECT_EQ(d.machine.committed(k_q), Position{9});
}

TEST(Protocol, the_next_claim_replaces_the_finish_and_waits_for_its_turn) {  // PROTOCOL.md, R1
  Driver d;
  d.begin({partition(0, std::nullopt)});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.batch(k_batch_b, {{k_p, 8}}, "b");
  d.fence({std::nullopt});
  d.answer(CommitOutcome::done);
  EXPECT_FALSE(d.has<Commit>());
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn();
  EXPECT_THAT(d.only<Commit>().items,
              ElementsAre(CommitItem{k_p, Position{5}, "p1;8;00c0ffee;b", Position{8}}));
}

TEST(Protocol, a_changed_fence_drops_and_assigns_only_the_partition_again) {
  Driver d;
  d.begin({partition(0, std::nullopt), partition(1, std::nullopt)});
  d.batch(k_batch_a, {{k_q, 3}}, "a");
  d.batch(k_batch_b, {{k_p, 5}, {k_q, 6}}, "b");
  d.machine.extend(k_batch_c, k_q, Position{8});  // the open one counts
  d.turn(10s);
  d.read({GroupEntry{Position{0}, "p1;2;00c0ffee;x"}, std::nullopt});
  EXPECT_THAT(d.only<Drop>().batches, testing::UnorderedElementsAre(k_batch_b, k_batch_c));
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_q, 3)));  // q goes on behind a, which is unclaimed
  EXPECT_EQ(d.only<Hold>().slot, k_p);
  const Commit claim = d.only<Commit>();
  EXPECT_THAT(claim.items, ElementsAre(CommitItem{k_q, Position{0}, "p3;3;00c0ffee;;s0;a", Position{3}}));
  d.read({GroupEntry{Position{0}, "p1;2;00c0ffee;x"}});
  const PutTombstone tombstone = d.only<PutTombstone>();
  EXPECT_EQ(tombstone.blob, "x");
  d.machine.tombstone_put(tombstone.ask, TombstonePut::exists);
  d.turn();
  const ReadBlob question = d.only<ReadBlob>();
  EXPECT_EQ(question.range, (Range{Position{0}, Position{2}}));
  d.machine.blob_read(question.ask, FoundBlob::claimed_range);
  d.turn();
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 2)));
  EXPECT_FALSE(d.has<ReadEntries>());  // it counts as fenced
}

TEST(Protocol, a_read_that_failed_is_repeated_and_never_no_entry) {
  Driver d;
  d.begin({partition(0, std::nullopt)});
  d.turn(10s);
  d.machine.entries_read(d.now, d.only<ReadEntries>().ask, Error{});
  d.turn();
  EXPECT_THAT(d.seen, IsEmpty());
  ASSERT_TRUE(d.machine.wake_at().has_value());
  d.turn(*d.machine.wake_at() - d.now);
  EXPECT_TRUE(d.has<ReadEntries>());
}

// It began behind its entry, at the end of a predecessor's blob. Then the group's offsets were deleted.
TEST(Protocol, a_partition_that_stops_at_the_fence_leaves_nothing_to_finish) {
  Driver d;
  d.begin({partition(0, GroupEntry{Position{0}, "p1;5;00c0ffee;x"})});
  d.machine.tombstone_put(d.only<PutTombstone>().ask, TombstonePut::exists);
  d.turn();
  d.machine.blob_read(d.only<ReadBlob>().ask, FoundBlob::claimed_range);
  d.turn();
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 5)));
  EXPECT_FALSE(d.machine.settled());
  d.turn(10s);
  d.read({std::nullopt});
  d.read({std::nullopt});
  EXPECT_EQ(d.only<StopPartition>().slot, k_p);
  EXPECT_TRUE(d.machine.settled());
}

TEST(Protocol, what_cannot_be_decided_stops_the_partition_and_no_other) {
  Driver d;
  d.begin(
      {partition(0, GroupEntry{Position{0}, "p1;2;0badcafe;x"}), partition(1, GroupEntry{Position{4}, ""})});
  EXPECT_EQ(d.only<StopPartition>().slot, k_p);
  EXPECT_NE(d.only<StopPartition>().error.message.find("topic t, partition 0"), std::string::npos);
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_q, 4)));
}

TEST(Protocol, latest_is_pinned_after_the_fence_and_before_the_first_claim) {
  Driver d;
  d.begin({partition(0, std::nullopt, true)});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.fence({std::nullopt});
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::start_position);
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{0}, "i2;;s0"}));
  d.answer(CommitOutcome::done);
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::claim);
}

struct ClaimAnswer {
  const char* name;
  CommitOutcome outcome;
  Duration after;
  bool put, dropped, repeated;
};
class ProtocolClaim : public testing::TestWithParam<ClaimAnswer> {};

TEST_P(ProtocolClaim, has_its_consequence) {
  const ClaimAnswer& c = GetParam();
  Driver d;
  d.begin({partition(0, std::nullopt)});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.batch(k_batch_b, {{k_p, 8}}, "b");
  d.fence({std::nullopt});
  const Commit claim = d.only<Commit>();
  d.now += c.after;
  d.machine.commit_answered(d.now, claim.ask, CommitReply::alike(1, c.outcome));
  d.turn();
  EXPECT_EQ(d.has<PutBlob>(), c.put);
  EXPECT_EQ(d.has<Drop>(), c.dropped);
  if (c.dropped) {
    EXPECT_THAT(d.only<Drop>().batches, testing::UnorderedElementsAre(k_batch_a, k_batch_b));
    EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0)));
  }
  EXPECT_FALSE(d.has<Commit>());
  d.turn(100ms);
  EXPECT_EQ(d.has<Commit>(), c.repeated);
  if (c.repeated) {
    EXPECT_EQ(d.only<Commit>().items, claim.items);
    EXPECT_NE(d.only<Commit>().ask, claim.ask);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Answers, ProtocolClaim,
    testing::Values(ClaimAnswer{"done", CommitOutcome::done, 5s, true, false, false},
                    ClaimAnswer{"late", CommitOutcome::done, 5001ms, false, true, false},
                    ClaimAnswer{"refused", CommitOutcome::refused, 0s, false, true, false},
                    ClaimAnswer{"not_done", CommitOutcome::not_done, 0s, false, false, true},
                    ClaimAnswer{"unknown", CommitOutcome::unknown, 0s, false, false, true}),
    [](const auto& answer) { return std::string(answer.param.name); });

TEST(Protocol, after_a_commit_in_doubt_its_partitions_are_quiet) {  // PROTOCOL.md, R8
  Driver d;
  d.begin({partition(0, std::nullopt), partition(1, std::nullopt)});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.fence({std::nullopt, std::nullopt});
  d.answer(CommitOutcome::unknown);
  d.batch(k_batch_b, {{k_q, 5}}, "b");
  EXPECT_FALSE(d.has<Commit>());  // only the same commit is repeated
  d.turn(100ms);
  d.answer(CommitOutcome::done);
  EXPECT_TRUE(d.has<PutBlob>());
  EXPECT_EQ(d.only<Commit>().items[0].slot, k_q);  // the other partition is not in doubt
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.answer(CommitOutcome::done);
  EXPECT_FALSE(d.has<Commit>());
  d.turn(9999ms);
  EXPECT_FALSE(d.has<Commit>());
  d.turn(1ms);
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{5}, ""}));
}

TEST(Protocol, a_dead_batch_takes_the_later_unclaimed_ones_with_it) {
  Driver d;
  d.begin({partition(0, std::nullopt)});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.fence({std::nullopt});
  d.answer(CommitOutcome::done);
  d.machine.extend(k_batch_b, k_p, Position{8});
  d.machine.blob_committed(k_batch_a, BlobOutcome::dead);
  d.turn();
  EXPECT_THAT(d.only<Drop>().batches, testing::UnorderedElementsAre(k_batch_a, k_batch_b));
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0)));
}

TEST(Protocol, a_batch_without_records_passes_in_order_without_a_claim) {
  Driver d;
  d.begin({partition(0, std::nullopt)});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.machine.extend(k_batch_b, k_p, Position{8});
  d.machine.sealed(k_batch_b, {});
  d.fence({std::nullopt});
  d.answer(CommitOutcome::refused);  // it goes with the batch before it
  EXPECT_THAT(d.only<Drop>().batches, testing::UnorderedElementsAre(k_batch_a, k_batch_b));
  d.machine.extend(k_batch_c, k_p, Position{8});
  d.machine.sealed(k_batch_c, {});
  d.turn(100ms);
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{8}, "i2;;s0"}));
}

// What no blob tells of

TEST(Protocol, an_entry_says_what_no_blob_tells_of_until_the_next_blob_does) {
  Driver d;
  d.begin({partition(0, GroupEntry{Position{5}, ""})});
  d.machine.extend(k_batch_a, k_p, Position{8});
  d.machine.sealed(k_batch_a, {});
  d.fence({GroupEntry{Position{5}, ""}});
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{8}, "i2;;e5"}));
  d.answer(CommitOutcome::done);
  EXPECT_EQ(d.machine.bare_received(k_p), (Bare{.from = Position{5}}));
  d.machine.extend(k_batch_b, k_p, Position{9});
  d.machine.sealed(k_batch_b, {});
  d.batch(k_batch_c, {{k_p, 12}}, "c");
  EXPECT_THAT(d.only<Commit>().items,
              ElementsAre(CommitItem{k_p, Position{9}, "p3;12;00c0ffee;;e5;c", Position{12}}));
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_c, BlobOutcome::published);
  d.turn();
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{12}, ""}));
  EXPECT_EQ(d.machine.bare_received(k_p), std::nullopt);
}

TEST(Protocol, a_successor_goes_on_saying_what_no_blob_tells_of) {
  struct Case {
    const char* metadata;
    std::optional<TombstonePut> claimed;
    std::optional<Bare> bare;
  };
  for (const Case& each :
       {Case{"i2;;e3", {}, Bare{.from = Position{3}}},
        Case{"i2;;s3", {}, Bare{.from = Position{3}, .is_start = true}},
        Case{"i2;;e8", {}, std::nullopt},  // the offset was set back by hand
        Case{"p3;9;00c0ffee;;e3;a", TombstonePut::created, Bare{.from = Position{3}}},
        Case{"p3;9;00c0ffee;;e3;a", TombstonePut::exists, std::nullopt}, Case{"", {}, std::nullopt}}) {
    Driver d;
    d.begin({partition(0, GroupEntry{Position{7}, each.metadata})});
    if (each.claimed) {
      d.machine.tombstone_put(d.only<PutTombstone>().ask, *each.claimed);
      d.turn();
    }
    if (each.claimed == TombstonePut::exists) {
      d.machine.blob_read(d.only<ReadBlob>().ask, FoundBlob::claimed_range);
      d.turn();
    }
    EXPECT_TRUE(d.has<Start>()) << each.metadata;
    EXPECT_EQ(d.machine.bare_received(k_p), each.bare) << each.metadata;
  }
}

TEST(Protocol, of_positions_that_were_lost_nothing_says_that_they_are_empty) {
  Driver d;
  d.begin({partition(0, GroupEntry{Position{5}, ""})});
  d.machine.extend(k_batch_a, k_p, Position{8});
  d.machine.sealed(k_batch_a, {}, Rowless::lost);
  d.fence({GroupEntry{Position{5}, ""}});
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{8}, ""}));
}

TEST(Protocol, a_revoke_is_held_until_all_is_settled_or_its_time_is_up) {  // PROTOCOL.md, R2 and R4
  for (const bool in_time : {true, false}) {
    Driver d;
    d.begin({partition(0, std::nullopt)});
    d.batch(k_batch_a, {{k_p, 5}}, "a");
    d.fence({std::nullopt});
    const Commit claim = d.only<Commit>();
    d.machine.revoke(d.now + 4s);
    d.turn();
    EXPECT_FALSE(d.has<Released>());
    EXPECT_FALSE(d.machine.taking());
    if (in_time) {
      d.machine.commit_answered(d.now, claim.ask, CommitReply::alike(1, CommitOutcome::done));
      d.turn();
      d.machine.blob_committed(k_batch_a, BlobOutcome::published);
      d.turn();
      d.answer(CommitOutcome::done);
      EXPECT_TRUE(d.has<Released>());
      continue;
    }
    d.turn(4s);
    EXPECT_TRUE(d.has<Released>());
    EXPECT_THAT(d.only<Drop>().batches, ElementsAre(k_batch_a));  // given up, and its batch forgotten
    d.machine.commit_answered(d.now, claim.ask, CommitReply::alike(1, CommitOutcome::done));
    d.turn();
    EXPECT_THAT(d.seen, IsEmpty());
  }
}

TEST(Protocol, a_claimed_batch_goes_on_after_its_epoch_and_is_only_forgotten_when_dead) {
  for (const BlobOutcome outcome : {BlobOutcome::published, BlobOutcome::dead}) {
    Driver d;
    d.begin({partition(0, std::nullopt)});
    d.batch(k_batch_a, {{k_p, 5}}, "a");
    d.fence({std::nullopt});
    d.answer(CommitOutcome::done);
    d.machine.lost();
    d.turn();
    EXPECT_TRUE(d.has<Released>());
    EXPECT_FALSE(d.has<Drop>());
    d.begin({partition(0, GroupEntry{Position{20}, ""})});
    d.machine.extend(k_batch_b, k_p, Position{25});
    EXPECT_EQ(d.machine.claimed_count(), 1u);
    d.machine.blob_committed(k_batch_a, outcome);
    d.turn();
    EXPECT_FALSE(d.has<Start>());
    EXPECT_FALSE(d.has<Commit>());
    EXPECT_EQ(d.has<Drop>(), outcome == BlobOutcome::dead);
    EXPECT_EQ(d.machine.unpublished_count(), 1u);
    EXPECT_EQ(d.machine.claimed_count(), 0u);
  }
}

TEST(Protocol, a_refusal_that_tells_of_lost_membership_ends_all_commits) {
  Driver d;
  d.begin({partition(0, std::nullopt)});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.fence({std::nullopt});
  d.answer(CommitOutcome::refused, true);
  EXPECT_THAT(d.only<Drop>().batches, ElementsAre(k_batch_a));
  EXPECT_FALSE(d.has<Released>());  // the source has not asked for the assignment yet
  EXPECT_FALSE(d.machine.in_epoch());
  d.machine.revoke(d.now + 20s);
  d.turn();
  EXPECT_TRUE(d.has<Released>());
}

TEST(Protocol, at_least_once_publishes_when_stored_and_commits_in_order) {
  Driver d(Guarantee::at_least_once);
  d.begin({partition(0, GroupEntry{Position{2}, ""})});
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 2)));
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  EXPECT_EQ(d.only<PutBlob>().batch, k_batch_a);
  d.batch(k_batch_b, {{k_p, 8}}, "b");
  EXPECT_EQ(d.only<PutBlob>().batch, k_batch_b);
  d.machine.blob_committed(k_batch_b, BlobOutcome::published);
  d.turn();
  EXPECT_FALSE(d.has<Commit>());
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn();
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{8}, ""}));
  d.answer(CommitOutcome::done);
  EXPECT_TRUE(d.machine.settled());
}

// Outcomes per item

CommitReply reply_of(std::vector<CommitOutcome> outcomes, ErrorKind kind = ErrorKind::not_found) {
  CommitReply reply;
  for (const CommitOutcome outcome : outcomes) {
    reply.items.push_back({.outcome = outcome, .error = {}});
    if (outcome != CommitOutcome::done) {
      reply.items.back().error = make_error(kind, penstock::Action::give_up, "the broker says no");
    }
  }
  return reply;
}

TEST(Protocol, a_rejected_start_stops_its_partition_and_no_other) {
  Driver d;
  d.begin({partition(0, std::nullopt, true), partition(1, std::nullopt, true)});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.batch(k_batch_b, {{k_q, 5}}, "b");
  d.fence({std::nullopt, std::nullopt});
  d.answer(reply_of({CommitOutcome::done, CommitOutcome::rejected}));
  EXPECT_EQ(d.only<StopPartition>().slot, k_q);
  EXPECT_THAT(d.only<Drop>().batches, ElementsAre(k_batch_b));
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::claim) << "of the other partition";
}

TEST(Protocol, a_rejected_finish_is_not_made_again_and_the_rest_settles) {
  Driver d;
  d.begin({partition(0, GroupEntry{Position{0}, ""}), partition(1, GroupEntry{Position{0}, ""})});
  d.batch(k_batch_a, {{k_p, 5}, {k_q, 5}}, "a");
  d.fence({GroupEntry{Position{0}, ""}, GroupEntry{Position{0}, ""}});
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn();
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::finish);
  d.answer(reply_of({CommitOutcome::done, CommitOutcome::rejected}));
  EXPECT_EQ(d.only<StopPartition>().slot, k_q);
  EXPECT_FALSE(d.has<Commit>());
  EXPECT_TRUE(d.machine.settled());
  EXPECT_EQ(d.machine.committed(k_p), Position{5});
  d.turn(60s);
  EXPECT_FALSE(d.has<Commit>());
}

TEST(Protocol, a_rejected_claim_has_the_others_of_its_batch_read_again_once) {
  Driver d;
  d.begin({partition(0, GroupEntry{Position{0}, ""}), partition(1, GroupEntry{Position{0}, ""})});
  d.batch(k_batch_a, {{k_p, 5}, {k_q, 5}}, "a");
  d.fence({GroupEntry{Position{0}, ""}, GroupEntry{Position{0}, ""}});
  d.answer(reply_of({CommitOutcome::done, CommitOutcome::rejected}));
  EXPECT_EQ(d.only<StopPartition>().slot, k_q);
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0)));
  // The claim of the first stands in its entry, and no one will put its blob.
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{0}, ""}));
  d.answer(CommitOutcome::done);
  EXPECT_TRUE(d.machine.settled());
  d.batch(k_batch_b, {{k_p, 5}}, "b");
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::claim);
}

TEST(Protocol, a_right_that_is_missing_for_a_while_is_tried_without_reading) {
  Driver d;
  d.begin({partition(0, GroupEntry{Position{0}, ""})});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.fence({GroupEntry{Position{0}, ""}});
  d.answer(reply_of({CommitOutcome::rejected}, ErrorKind::forbidden));
  EXPECT_TRUE(d.has<StopPartition>());
  for (int tries = 0; tries < 3; ++tries) {
    d.turn(30s);
    d.read({GroupEntry{Position{0}, ""}});
    EXPECT_FALSE(d.has<Start>());
    EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{0}, ""}));
    d.answer(reply_of({CommitOutcome::rejected}, ErrorKind::forbidden));
    EXPECT_TRUE(d.has<StopPartition>());
  }
  d.turn(30s);
  d.read({GroupEntry{Position{0}, ""}});
  d.answer(CommitOutcome::done);
  EXPECT_EQ(d.only<Resume>().slot, k_p);
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0)));
}

TEST(Protocol, what_a_refused_claim_was_to_carry_is_finished) {
  Driver d;
  d.begin({partition(0, GroupEntry{Position{0}, ""})});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.batch(k_batch_b, {{k_p, 8}}, "b");
  d.fence({GroupEntry{Position{0}, ""}});
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn();
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::claim);
  d.answer(CommitOutcome::refused);  // by a rebalance, say
  EXPECT_FALSE(d.machine.settled());
  d.turn(1s);
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{5}, ""}));
  d.answer(CommitOutcome::done);
  EXPECT_TRUE(d.machine.settled());
}

// Publish 5

TEST(Protocol, a_late_put_reads_its_claim_again) {
  for (const char* now_there : {"p1;5;00c0ffee;a", "", "p1;5;00c0ffee;x"}) {
    Driver d;
    d.begin({partition(0, GroupEntry{Position{0}, ""})});
    d.batch(k_batch_a, {{k_p, 5}}, "a");
    d.fence({GroupEntry{Position{0}, ""}});
    d.answer(CommitOutcome::done);
    EXPECT_EQ(d.only<PutBlob>().until, d.now + 10s);
    d.machine.lost();  // it goes on after the epoch
    d.turn(60s);
    d.machine.put_is_late(k_batch_a);
    d.turn();
    EXPECT_THAT(d.only<ReadEntries>().partitions, ElementsAre(partition(0, {}).id));
    d.machine.entries_read(d.now, d.only<ReadEntries>().ask, Error{});
    d.turn(1s);
    d.read({GroupEntry{Position{0}, now_there}});
    EXPECT_EQ(d.has<PutBlob>(), std::string_view(now_there).ends_with(";a"));
    EXPECT_EQ(d.has<AskBlob>(), !d.has<PutBlob>());
  }
}

// Topics that are made anew

constexpr const char* k_old_id = "00000000000000000000000000000001";
constexpr const char* k_new_id = "00000000000000000000000000000002";

TEST(Protocol, an_entry_of_an_earlier_topic_is_not_taken) {
  for (const std::string& metadata :
       {std::string("i1;") + k_old_id, std::string("p2;9;00c0ffee;") + k_old_id + ";a"}) {
    Driver d;
    AssignedPartition assigned = partition(0, GroupEntry{Position{7}, metadata});
    assigned.topic_id = k_new_id;
    d.begin({assigned});
    if (d.has<PutTombstone>()) {
      d.machine.tombstone_put(d.only<PutTombstone>().ask, TombstonePut::created);
      d.turn();
    }
    EXPECT_EQ(d.only<Distrust>().slot, k_p);
    EXPECT_FALSE(d.has<Start>());
    d.machine.moved(k_p, Position{0}, k_new_id);
    d.turn();
    EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0)));
    d.fence({GroupEntry{Position{7}, metadata}});
    EXPECT_THAT(d.only<Commit>().items,
                ElementsAre(CommitItem{k_p, Position{0}, std::string("i2;") + k_new_id + ";s0"}));
  }
}

TEST(Protocol, at_least_once_does_not_take_an_entry_of_an_earlier_topic_either) {
  Driver d(Guarantee::at_least_once);
  AssignedPartition assigned = partition(0, GroupEntry{Position{7}, std::string("i1;") + k_old_id});
  assigned.topic_id = k_new_id;
  d.begin({assigned});
  EXPECT_EQ(d.only<Distrust>().slot, k_p);
  EXPECT_FALSE(d.has<Start>());
  d.machine.moved(k_p, Position{0}, k_new_id);
  d.turn();
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0)));
}

TEST(Protocol, a_partition_moves_when_what_was_read_of_it_is_published) {
  Driver d;
  AssignedPartition assigned = partition(0, GroupEntry{Position{100}, ""});
  assigned.topic_id = k_old_id;
  d.begin({assigned});
  d.batch(k_batch_a, {{k_p, 150}}, "a");
  d.machine.moved(k_p, Position{0}, k_new_id);
  d.turn();
  EXPECT_FALSE(d.has<Start>());
  d.fence({GroupEntry{Position{100}, ""}});
  EXPECT_EQ(d.only<Commit>().items.front().metadata, std::string("p2;150;00c0ffee;") + k_old_id + ";a");
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn();
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0)));
  EXPECT_THAT(d.only<Commit>().items,
              ElementsAre(CommitItem{k_p, Position{0}, std::string("i2;") + k_new_id + ";s0"}))
      << "and the old end is never committed";
}

TEST(Protocol, a_finish_that_was_under_way_does_not_stand_for_the_place_of_a_move) {
  Driver d;
  AssignedPartition assigned = partition(0, GroupEntry{Position{100}, ""});
  assigned.topic_id = k_old_id;
  d.begin({assigned});
  d.batch(k_batch_a, {{k_p, 150}}, "a");
  d.fence({GroupEntry{Position{100}, ""}});
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn();
  const Commit finish = d.only<Commit>();
  d.machine.moved(k_p, Position{0}, k_new_id);
  d.turn();
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 0)));
  d.machine.commit_answered(d.now, finish.ask, CommitReply::alike(1, CommitOutcome::done));
  d.turn();
  EXPECT_THAT(d.only<Commit>().items,
              ElementsAre(CommitItem{k_p, Position{0}, std::string("i2;") + k_new_id + ";s0"}));
}

TEST(Protocol, a_start_that_is_found_later_keeps_nobody_waiting) {
  Driver d;
  AssignedPartition unknown = partition(0, std::nullopt);
  unknown.start_known = false;
  d.begin({unknown, partition(1, GroupEntry{Position{3}, ""})});
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_q, 3)));
  d.machine.start_found(k_p, Position{42});
  d.turn();
  EXPECT_THAT(d.all<Start>(), ElementsAre(StartsAt(k_p, 42)));
}

TEST(Protocol, finishes_keep_their_distance_from_claims) {
  Driver d(Guarantee::exactly_once, 1s);
  d.begin({partition(0, GroupEntry{Position{0}, ""})});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.fence({GroupEntry{Position{0}, ""}});
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn(999ms);
  EXPECT_FALSE(d.has<Commit>());
  d.turn(1ms);
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::finish);
}

// A broker that holds a commit back has processed it when it answers, and not before.
TEST(Protocol, the_distance_of_a_finish_counts_from_the_answer_to_the_claim) {
  Driver d(Guarantee::exactly_once, 1s);
  d.begin({partition(0, GroupEntry{Position{0}, ""})});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.fence({GroupEntry{Position{0}, ""}});
  d.now += 900ms;
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn(999ms);
  EXPECT_FALSE(d.has<Commit>());
  d.turn(1ms);
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::finish);
}

TEST(Protocol, a_finish_keeps_its_distance_from_copies_of_a_claim_that_are_in_doubt) {
  Driver d(Guarantee::exactly_once, 1s);
  d.begin({partition(0, GroupEntry{Position{0}, ""})});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.fence({GroupEntry{Position{0}, ""}});
  d.answer(CommitOutcome::unknown);  // this copy may be processed until fence_wait is over
  d.turn(100ms);
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.turn(10s);
  d.turn(999ms);
  EXPECT_FALSE(d.has<Commit>());
  d.turn(1ms);
  EXPECT_EQ(d.only<Commit>().kind, CommitKind::finish);
}

TEST(Protocol, finishes_that_wait_go_together) {
  Driver d(Guarantee::exactly_once, 1s);
  d.begin({partition(0, GroupEntry{Position{0}, ""}), partition(1, GroupEntry{Position{0}, ""})});
  d.batch(k_batch_a, {{k_p, 5}}, "a");
  d.batch(k_batch_b, {{k_q, 7}}, "b");
  d.fence({GroupEntry{Position{0}, ""}, GroupEntry{Position{0}, ""}});
  d.answer(CommitOutcome::done);  // the claim of a
  d.machine.blob_committed(k_batch_a, BlobOutcome::published);
  d.now += 400ms;
  d.answer(CommitOutcome::done);  // the claim of b, 400 ms later
  d.machine.blob_committed(k_batch_b, BlobOutcome::published);
  d.turn(600ms);
  EXPECT_THAT(d.only<Commit>().items, ElementsAre(CommitItem{k_p, Position{5}, ""}));
  d.answer(CommitOutcome::done);
  // b's is due after a second, but finishes are two seconds apart: what comes meanwhile goes with it.
  d.batch(k_batch_c, {{k_p, 9}}, "c");
  d.answer(CommitOutcome::done);
  d.machine.blob_committed(k_batch_c, BlobOutcome::published);
  d.turn(1999ms);
  EXPECT_FALSE(d.has<Commit>());
  d.turn(1ms);
  EXPECT_THAT(d.only<Commit>().items,
              ElementsAre(CommitItem{k_p, Position{9}, ""}, CommitItem{k_q, Position{7}, ""}));
}

}  // namespace
}  // namespace penstock::ledger
