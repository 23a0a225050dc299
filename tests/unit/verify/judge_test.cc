#include "verify/judge.h"

#include <map>
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

BlobFacts of_topic(std::string topic_id, BlobFacts facts) {
  facts.metadata.topic_id = std::move(topic_id);
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
  std::string blobs_topic_id = {};
  std::vector<Range> bare = {};  // of which the blobs say that they have no lines
  std::optional<Position> since = {};
  std::map<std::string, std::vector<Range>> others = {};  // by topic id
};

const std::string k_old(32, '1');
const std::string k_new(32, '2');

std::vector<std::string> judged(const Case& row,
                                JudgeOptions options = {.from_earliest = true, .sink = k_sink}) {
  Tiling tiling;
  for (const auto& [topic_id, ranges] : row.others) {
    for (const Range& each : ranges) {
      tiling.add(of_topic(topic_id, data("a", {{Partition{0}, each}})));
    }
  }
  for (const Range& each : row.blobs) {
    tiling.add(of_topic(row.blobs_topic_id, data("b", {{Partition{0}, each}})));
  }
  if (!row.lost.empty()) {
    BlobFacts facts = data("l", {{Partition{0}, range(0, 0)}});
    for (const Range& each : row.lost) {
      facts.metadata.lost.push_back({Partition{0}, each});
    }
    tiling.add(facts);
  }
  if (!row.bare.empty()) {
    BlobFacts facts = data("m", {{Partition{0}, range(0, 0)}});
    for (const Range& each : row.bare) {
      facts.metadata.before.push_back({Partition{0}, each});
    }
    tiling.add(of_topic(row.blobs_topic_id, facts));
  }
  PartitionView view;
  view.log = row.log;
  view.since = row.since;
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
  tiling.settle(topic_ids(cluster));
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

TEST(Judge, what_blobs_say_has_no_lines_is_no_gap) {
  EXPECT_THAT(
      judged(
          {.blobs = {range(10, 20), range(25, 30)}, .committed = 30, .bare = {range(0, 10), range(20, 25)}}),
      IsEmpty());
  EXPECT_THAT(judged({.blobs = {range(10, 20), range(25, 30)}, .committed = 30, .bare = {range(21, 25)}}),
              ElementsAre("FAULT gap 0-10", "FAULT gap 20-21"));
}

TEST(Judge, what_the_entry_says_has_no_lines_is_no_gap) {
  EXPECT_THAT(judged({.blobs = {range(0, 10)}, .committed = 15, .metadata = "i2;;e10"}), IsEmpty());
  EXPECT_THAT(judged({.blobs = {range(0, 10)}, .committed = 15, .metadata = "i2;;e12"}),
              ElementsAre("FAULT gap 10-12"));
  EXPECT_THAT(judged({.blobs = {range(0, 10)}, .committed = 15, .metadata = "p3;20;0123abcd;;e10;x.txt"}),
              ElementsAre("note claim 15-20"));
}

TEST(Judge, a_position_without_any_blob_is_a_fault_unless_reading_began_there) {
  const JudgeOptions latest{.from_earliest = false, .sink = k_sink};
  const Range cut_log = range(5, 1000);
  for (const char* metadata : {"", "i2;;e10", "i2;;e20"}) {
    const Case row{.blobs = {}, .committed = 20, .metadata = metadata, .log = cut_log};
    EXPECT_THAT(judged(row, latest), ElementsAre("FAULT gone")) << metadata;
    EXPECT_THAT(judged(row), ElementsAre("FAULT gone")) << metadata;
  }
  EXPECT_THAT(judged({.blobs = {}, .committed = 20, .log = range(20, 20)}, latest),
              ElementsAre("FAULT gone"));
  const Case began{.blobs = {}, .committed = 20, .metadata = "i2;;s15", .log = range(15, 1000)};
  EXPECT_THAT(judged(began), IsEmpty());
  const Case pinned{.blobs = {}, .committed = 20, .metadata = "i2;;s20", .log = range(15, 1000)};
  EXPECT_THAT(judged(pinned), ElementsAre("FAULT gap 15-20"));
  EXPECT_THAT(judged(pinned, latest), ElementsAre("note gap 15-20"));
  // The log has all that there ever was: it is asked.
  EXPECT_THAT(judged({.blobs = {}, .committed = 20}, latest), ElementsAre("FAULT gap 0-20"));
}

TEST(Judge, nothing_is_said_of_what_is_older_than_asked_for) {
  const Case row{.blobs = {range(40, 50), range(55, 60)}, .committed = 60, .since = Position{50}};
  EXPECT_THAT(judged(row), ElementsAre("FAULT gap 50-55"));
  EXPECT_THAT(judged({.blobs = {range(55, 60)}, .committed = 60, .since = Position{50}}),
              ElementsAre("FAULT gap 50-55"));
  EXPECT_THAT(judged({.blobs = {}, .committed = 60, .log = range(5, 60), .since = Position{60}}), IsEmpty());
  EXPECT_THAT(judged({.blobs = {}, .committed = 60, .log = range(5, 60), .since = Position{50}}),
              ElementsAre("FAULT gone"));
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
  tiling.settle({});
  Findings findings;
  judge(tiling, {}, {}, {.sink = k_sink}, findings);
  ASSERT_EQ(findings.all().size(), 1U);
  EXPECT_EQ(findings.all()[0].range, range(5, 7));
  EXPECT_EQ(findings.fault_count(), 1U);
}

TEST(Judge, a_topic_that_was_made_anew_is_told_and_only_its_present_log_is_judged) {
  Case row{.blobs = {range(0, 30)},
           .committed = 30,
           .metadata = "i1;" + k_new,
           .log = range(0, 30),
           .blobs_topic_id = k_new,
           .others = {{k_old, {range(0, 60), range(60, 100)}}}};
  EXPECT_THAT(judged(row), ElementsAre("note anew 0-100"));

  row.metadata = "";  // of an earlier version, or another product: then the latest by the blobs' names
  EXPECT_THAT(judged(row), ElementsAre("note anew 0-100"));

  row.metadata = "i1;" + k_new;
  row.blobs = {range(0, 10), range(20, 30)};
  row.others = {{k_old, {range(0, 10), range(15, 20)}}};
  EXPECT_THAT(judged(row), ElementsAre("FAULT gap 10-20", "note anew 0-20", "note gap 10-15"))
      << "blobs of the former topic fill no gap, and nothing tells what was in theirs";

  row.blobs = {};
  row.committed = 0;
  EXPECT_THAT(judged(row), ElementsAre("note anew 0-20", "note gap 10-15")) << "nothing of the new one yet";

  row.committed = -1;
  row.metadata = "";
  EXPECT_THAT(judged(row), ElementsAre("FAULT beyond 0-20"))
      << "a topic whose blobs have one id, and no entry: nothing says that it was made anew";
}

TEST(Judge, an_entry_of_the_former_topic_is_held_against_its_own_blobs) {
  const Case row{.blobs = {range(0, 30)},
                 .committed = 100,
                 .metadata = "i1;" + k_old,
                 .log = range(0, 30),
                 .blobs_topic_id = k_new,
                 .others = {{k_old, {range(0, 100)}}}};
  // The entries agree on the former topic: then that is the group's, and the log is not as it should be.
  EXPECT_THAT(judged(row), ElementsAre("FAULT log 30-100", "note anew 0-30"));

  Tiling tiling;
  tiling.add(of_topic(k_old, data("a", {{Partition{0}, range(0, 100)}})));
  tiling.add(of_topic(k_new, data("b", {{Partition{1}, range(0, 7)}})));
  const auto view = [](std::int64_t position, const std::string& topic_id) {
    PartitionView seen;
    seen.after = GroupEntry{Position{position}, "i1;" + topic_id};
    seen.before = seen.after;
    seen.log = range(0, 7);
    return seen;
  };
  const ClusterView cluster{{{"orders", Partition{0}}, view(100, k_old)},
                            {{"orders", Partition{1}}, view(7, k_new)}};
  tiling.settle(topic_ids(cluster));
  Findings findings;
  judge(tiling, cluster, {}, {.from_earliest = true, .sink = k_sink}, findings);
  EXPECT_EQ(findings.fault_count(), 0U);
  ASSERT_EQ(findings.all().size(), 1U) << "partition 0 did not begin in the new topic yet";
  EXPECT_EQ(findings.all()[0].kind, FindingKind::anew);
  EXPECT_EQ(findings.all()[0].id, k_id);
}

TEST(Judge, an_entry_that_changed_its_topic_while_blobs_were_listed_says_nothing_of_before) {
  Tiling tiling;
  tiling.add(of_topic(k_new, data("b", {{Partition{0}, range(0, 5)}})));
  PartitionView view;
  view.before = GroupEntry{Position{100}, "i1;" + k_old};
  view.after = GroupEntry{Position{5}, "i1;" + k_new};
  const ClusterView cluster{{k_id, view}};
  tiling.settle(topic_ids(cluster));
  Findings findings;
  judge(tiling, cluster, {}, {.sink = k_sink}, findings);
  EXPECT_THAT(findings.all(), IsEmpty());
}

TEST(Judge, blobs_without_an_id_are_of_the_only_topic_that_is_known) {
  Case row{.blobs = {range(10, 30)},
           .committed = 30,
           .metadata = "i1;" + k_new,
           .blobs_topic_id = k_new,
           .others = {{"", {range(0, 10)}}}};
  EXPECT_THAT(judged(row), IsEmpty());
  row.others = {{"", {range(0, 5)}}};
  EXPECT_THAT(judged(row), ElementsAre("FAULT gap 5-10"));
  // The entry alone may know it.
  row.blobs = {};
  row.others = {{"", {range(0, 30)}}};
  EXPECT_THAT(judged(row), IsEmpty());
  // Where the topic was made anew they may be of either.
  row.blobs = {range(0, 30)};
  row.others = {{"", {range(0, 50)}}, {k_old, {range(50, 60)}}};
  EXPECT_THAT(judged(row), ElementsAre("note anew 0-50", "note anew 50-60"));
}

TEST(Judge, a_claim_is_not_settled_by_a_blob_of_the_former_topic) {
  Case row{.blobs = {range(0, 10)},
           .committed = 10,
           .metadata = claim(15),
           .claimed = of_topic(k_new, data("x.txt", {{Partition{0}, range(10, 15)}})),
           .blobs_topic_id = k_new,
           .others = {{k_old, {range(0, 10)}}}};
  EXPECT_THAT(judged(row), ElementsAre("note claim 10-15", "note anew 0-10"));
  row.claimed->metadata.topic_id = k_old;
  EXPECT_THAT(judged(row), ElementsAre("FAULT claim 10-15", "note anew 0-10"));
}

TEST(Judge, a_claim_names_its_topic) {
  const std::string text =
      ledger::format_claim({.next = Position{15}, .sink = k_sink, .blob = "x.txt", .topic_id = k_new});
  const Case row{.blobs = {range(0, 10)},
                 .committed = 10,
                 .metadata = text,
                 .claimed = of_topic(k_new, data("x.txt", {{Partition{0}, range(10, 15)}})),
                 .blobs_topic_id = k_new,
                 .others = {{k_old, {range(0, 100)}}}};
  EXPECT_THAT(judged(row), ElementsAre("note claim 10-15", "note anew 0-100"));
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
