#include "verify/gap_neighbours.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/verify/range.h"

namespace penstock::verify {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

BlobFacts blob(std::string name, std::vector<PartitionRange> ranges) {
  BlobFacts facts;
  facts.kind = BlobFacts::Kind::data;
  facts.name = std::move(name);
  facts.metadata.topic = "orders";
  facts.metadata.ranges = std::move(ranges);
  return facts;
}

Finding gap(std::int32_t partition, Range range) {
  return {.severity = Severity::fault,
          .kind = FindingKind::gap,
          .id = TopicPartition{"orders", Partition{partition}},
          .range = range,
          .blobs = {},
          .text = "are missing"};
}

constexpr PartitionRange part(std::int32_t partition, Range range) {
  return {Partition{partition}, range};
}

TEST(GapNeighbours, gaps_between_the_same_blobs_are_one_finding) {
  Tiling tiling;
  const std::vector<BlobFacts> blobs = {
      blob("a", {part(0, range(0, 10)), part(1, range(0, 5)), part(2, range(0, 7))}),
      blob("c", {part(0, range(20, 30)), part(1, range(8, 9))}),
      blob("d", {part(2, range(9, 12))}),
  };
  for (const BlobFacts& each : blobs) {
    tiling.add(each);
  }
  tiling.settle({});
  Findings findings;
  findings.add(gap(0, range(10, 20)));
  findings.add(gap(0, range(30, 31)));
  findings.review([](Finding& finding) {
    finding.severity = finding.range == range(30, 31) ? Severity::note : Severity::fault;
  });
  findings.add(gap(1, range(5, 8)));
  findings.add(gap(2, range(7, 9)));    // between other blobs
  findings.add(gap(7, range(40, 50)));  // between none
  GapNeighbours gaps(tiling, findings);
  ASSERT_FALSE(gaps.empty());
  for (const BlobFacts& each : blobs) {
    gaps.look(each);
  }
  gaps.merge(findings);
  EXPECT_EQ(findings.fault_count(), 3U);
  ASSERT_EQ(findings.all().size(), 4U);
  EXPECT_THAT(findings.all()[0].parts, ElementsAre(part(0, range(10, 20)), part(1, range(5, 8))));
  EXPECT_THAT(findings.all()[0].text, HasSubstr("they lie between a and c"));
  EXPECT_EQ(findings.all()[1].severity, Severity::note);
  EXPECT_THAT(findings.all()[2].text, HasSubstr("they lie between a and d"));
  EXPECT_THAT(findings.all()[2].parts, ElementsAre(part(2, range(7, 9))));
  EXPECT_EQ(findings.all()[3].text, "are missing");
}

TEST(GapNeighbours, without_a_gap_nothing_is_looked_for) {
  Tiling tiling;
  tiling.settle({});
  Findings findings;
  findings.add(gap(0, range(30, 31)));
  findings.review([](Finding& finding) { finding.kind = FindingKind::foreign; });
  EXPECT_TRUE(GapNeighbours(tiling, findings).empty());
}

}  // namespace
}  // namespace penstock::verify
