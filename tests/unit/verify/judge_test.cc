#include "verify/judge.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/concat.h"
#include "unit/verify/range.h"

namespace penstock::verify {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const TopicPartition k_id{"orders", Partition{0}};
constexpr const char* k_sink = "0123abcd";

BlobFacts data(std::string name, std::vector<PartitionRange> ranges, std::string topic = "orders") {
  BlobFacts facts;
  facts.kind = BlobFacts::Kind::data;
  facts.name = std::move(name);
  facts.metadata.topic = std::move(topic);
  facts.metadata.ranges = std::move(ranges);
  return facts;
}

// One partition: its blobs' ranges, its entry, the log, and what stands at the claimed name.
struct Case {
  std::vector<Range> blobs;
  std::int64_t committed = -1;
  std::string metadata = "";
  Range log = range(0, 1000);
  std::optional<BlobFacts> claimed = std::nullopt;
  std::vector<Range> lost = {};
  std::int64_t committed_before = -2;  // -2: as after
};

std::vector<std::string> judged(const Case& row,
                                JudgeOptions options = {.from_earliest = true, .sink = k_sink}) {
  Tiling tiling;
  for (const Range& each : row.blobs) {
    tiling.add(data("b", {{Partition{0}, each}}));
  }
  if (!row.lost.empty()) {
    BlobFacts facts = data("l", {{Partition{0}, range(0, 0)}});
    for (const Range& each : row.lost) {
      facts.metadata.lost.push_back({Partition{0}, each});
    }
    tiling.add(facts);
  }
  PartitionView view;
  view.log = row.log;
  if (row.committed >= 0) {
    view.after = GroupEntry{Position{row.committed}, row.metadata};
  }
  view.before = view.after;
  if (row.committed_before == -1) {
    view.before.reset();
  } else if (row.committed_before >= 0) {
    view.before->position = Position{row.committed_before};
  }
  const ClusterView cluster{{k_id, view}};
  ClaimedBlobs claimed;
  for (const std::string& name : claimed_names(cluster, options)) {
    claimed.emplace(name, row.claimed);
  }
  Findings findings;
  judge(tiling, cluster, claimed, options, findings);
  std::vector<std::string> told;
  for (const Finding& finding : findings.all()) {
    EXPECT_EQ(finding.id, k_id);
    told.push_back(concat(finding.severity == Severity::fault ? "FAULT " : "note ", to_string(finding.kind),
                          finding.range
                              ? concat(" ", finding.range->first.value, "-", finding.range->next.value)
                              : std::string()));
  }
  return told;
}

std::string claim(std::int64_t next, std::string sink = k_sink) {
  return ledger::format_claim({.next = Position{next}, .sink = std::move(sink), .blob = "x.txt"});
}

TEST(Judge, blobs_that_tile_up_to_the_committed_position_are_well) {
  EXPECT_THAT(judged({.blobs = {range(0, 10), range(10, 20)}, .committed = 20}), IsEmpty());
  EXPECT_THAT(judged({.blobs = {}, .committed = -1}), IsEmpty());
  EXPECT_THAT(judged({.blobs = {}, .committed = 0}), IsEmpty());
  EXPECT_THAT(judged({.blobs = {range(5, 20)}, .committed = 20, .log = range(7, 20)}), IsEmpty());
}

TEST(Judge, names_gaps) {
  EXPECT_THAT(judged({.blobs = {range(0, 10), range(15, 20)}, .committed = 20}),
              ElementsAre("FAULT gap 10-15"));
  EXPECT_THAT(judged({.blobs = {range(0, 10)}, .committed = 20}), ElementsAre("FAULT gap 10-20"));
  EXPECT_THAT(judged({.blobs = {range(0, 5), range(6, 7)}, .committed = 9}),
              ElementsAre("FAULT gap 5-6", "FAULT gap 7-9"));
}

TEST(Judge, what_the_log_still_has_before_the_first_blob_is_a_fault_where_earliest_was_asked) {
  const Case row{.blobs = {range(10, 20)}, .committed = 20, .log = range(4, 20)};
  EXPECT_THAT(judged(row), ElementsAre("FAULT gap 4-10"));
  EXPECT_THAT(judged(row, {.from_earliest = false, .sink = k_sink}), ElementsAre("note gap 4-10"));
  EXPECT_THAT(judged({.blobs = {}, .committed = 20}), ElementsAre("FAULT gap 0-20"));
}

TEST(Judge, positions_beyond_the_committed_one_are_a_fault_unless_claimed) {
  const Case row{.blobs = {range(0, 20)}, .committed = 10};
  EXPECT_THAT(judged(row), ElementsAre("FAULT beyond 10-20"));
  EXPECT_THAT(judged(row, {.exactly_once = false, .from_earliest = true, .sink = k_sink}),
              ElementsAre("note beyond 10-20"));
  EXPECT_THAT(judged({.blobs = {range(0, 20)}, .committed = -1}), ElementsAre("FAULT beyond 0-20"));
}

TEST(Judge, a_service_that_runs_meanwhile_is_well) {
  // Committed 10 before, 30 after: the listing may or may not have seen what came between.
  EXPECT_THAT(judged({.blobs = {range(0, 10)}, .committed = 30, .committed_before = 10}), IsEmpty());
  EXPECT_THAT(judged({.blobs = {range(0, 30)}, .committed = 30, .committed_before = 10}), IsEmpty());
  EXPECT_THAT(judged({.blobs = {range(0, 10), range(20, 30)}, .committed = 30, .committed_before = 10}),
              IsEmpty());
  EXPECT_THAT(judged({.blobs = {range(0, 30)}, .committed = 30, .committed_before = -1}), IsEmpty());
}

TEST(Judge, tells_what_became_of_a_pending_claim) {
  const Case base{.blobs = {range(0, 10)}, .committed = 10, .metadata = claim(15)};
  EXPECT_THAT(judged(base), ElementsAre("note claim 10-15"));

  Case published = base;
  published.blobs.push_back(range(10, 15));
  published.claimed = data("x.txt", {{Partition{1}, range(3, 4)}, {Partition{0}, range(10, 15)}});
  EXPECT_THAT(judged(published), ElementsAre("note claim 10-15"));

  Case other_range = published;
  other_range.claimed = data("x.txt", {{Partition{0}, range(10, 14)}});
  EXPECT_THAT(judged(other_range), ElementsAre("FAULT claim 10-15", "FAULT beyond 10-15"));

  Case other_topic = base;
  other_topic.claimed = data("x.txt", {{Partition{0}, range(10, 15)}}, "clicks");
  EXPECT_THAT(judged(other_topic), ElementsAre("FAULT claim 10-15"));

  Case dead = base;
  dead.claimed = BlobFacts{};
  dead.claimed->kind = BlobFacts::Kind::tombstone;
  EXPECT_THAT(judged(dead), ElementsAre("note claim 10-15"));

  Case stranger = base;
  stranger.claimed = BlobFacts{};
  EXPECT_THAT(judged(stranger), ElementsAre("FAULT claim 10-15"));

  Case elsewhere = base;
  elsewhere.metadata = claim(15, "ffffffff");
  EXPECT_THAT(judged(elsewhere), ElementsAre("FAULT claim 10-15"));

  Case newer = base;
  newer.metadata = "p2;15;x";
  EXPECT_THAT(judged(newer), ElementsAre("FAULT claim"));

  Case foreign = base;
  foreign.metadata = "another product's";
  EXPECT_THAT(judged(foreign), IsEmpty());
}

TEST(Judge, lost_positions_are_told_as_lost_and_not_as_a_gap) {
  EXPECT_THAT(judged({.blobs = {range(0, 10), range(10, 20)}, .committed = 20, .lost = {range(10, 15)}}),
              ElementsAre("note lost 10-15"));
}

TEST(Judge, positions_outside_the_log_are_a_fault) {
  EXPECT_THAT(judged({.blobs = {range(0, 10)}, .committed = 10, .log = range(15, 40)}),
              ElementsAre("FAULT log 10-15"));
  EXPECT_THAT(judged({.blobs = {range(0, 10)}, .committed = 10, .log = range(0, 4)}),
              ElementsAre("FAULT log 4-10"));
  // Retention removed everything that had landed: nothing is wrong.
  EXPECT_THAT(judged({.blobs = {range(0, 10)}, .committed = 10, .log = range(10, 10)}), IsEmpty());
}

TEST(Judge, a_topic_that_the_cluster_does_not_name_is_held_against_itself) {
  Tiling tiling;
  tiling.add(data("a", {{Partition{2}, range(0, 5)}}, "gone"));
  tiling.add(data("b", {{Partition{2}, range(7, 9)}}, "gone"));
  Findings findings;
  judge(tiling, {}, {}, {.sink = k_sink}, findings);
  ASSERT_EQ(findings.all().size(), 1U);
  EXPECT_EQ(findings.all()[0].range, range(5, 7));
  EXPECT_EQ(findings.fault_count(), 1U);
}

TEST(Findings, past_their_limit_are_only_counted) {
  Findings findings;
  for (std::size_t i = 0; i < Findings::k_findings_max + 7; ++i) {
    findings.add({});
  }
  EXPECT_EQ(findings.all().size(), Findings::k_findings_max);
  EXPECT_EQ(findings.left_out_count(), 7U);
  EXPECT_EQ(findings.fault_count(), Findings::k_findings_max + 7);
}

}  // namespace
}  // namespace penstock::verify
