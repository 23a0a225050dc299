#include "app/verify_text.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

appliance::VerifyReport report() {
  appliance::VerifyReport report;
  verify::BlobFacts facts;
  facts.kind = verify::BlobFacts::Kind::data;
  facts.name = "a.txt";
  facts.metadata.topic = "orders";
  facts.metadata.ranges = {{Partition{3}, {Position{10}, Position{20}}}};
  report.tiling.add(facts);
  report.blobs = 1;
  report.records = 1234;
  verify::PartitionView view;
  view.after = GroupEntry{Position{20}, ""};
  view.log = Range{Position{5}, Position{25}};
  report.cluster[{"orders", Partition{3}}] = view;
  report.cluster[{"orders", Partition{4}}] = {};
  return report;
}

verify::Finding gap() {
  return {.severity = verify::Severity::fault,
          .kind = verify::FindingKind::gap,
          .id = TopicPartition{"orders", Partition{3}},
          .range = Range{Position{12}, Position{15}},
          .blobs = {},
          .text = "are in no blob"};
}

TEST(VerifyText, a_finding_says_where_and_what) {
  verify::Finding finding = gap();
  EXPECT_EQ(finding_text(finding), "topic orders, partition 3: 12-15 are in no blob");
  finding.blobs = {"a.txt", "b.txt"};
  finding.text = "are in 2 blobs";
  EXPECT_EQ(finding_text(finding), "topic orders, partition 3: 12-15 are in 2 blobs: a.txt b.txt");
  finding.range.reset();
  finding.blobs.clear();
  finding.text = "has a claim";
  EXPECT_EQ(finding_text(finding), "topic orders, partition 3 has a claim");
  finding.id.reset();
  finding.blobs = {"notes.txt"};
  finding.text = "it is not ours";
  EXPECT_EQ(finding_text(finding), "notes.txt: it is not ours");
}

TEST(VerifyText, the_summary_counts_faults) {
  appliance::VerifyReport all = report();
  EXPECT_EQ(verify_summary(all),
            "1 blobs, 1,234 records, 2 partitions: every record once, up to the committed positions");
  all.tombstones = 2;
  all.empty_files = 3;
  all.findings.add(gap());
  EXPECT_EQ(verify_summary(all),
            "1 blobs, 1,234 records, 2 partitions, 3 empty files of silent partitions, 2 closed names "
            "(tombstones): 1 FAULT");
}

TEST(VerifyText, the_table_has_a_row_a_partition) {
  const std::string table = partition_table(report());
  EXPECT_NE(table.find("10-20            20                       5-25\n"), std::string::npos) << table;
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3);
}

TEST(VerifyText, json_has_the_same) {
  appliance::VerifyReport all = report();
  all.findings.add(gap());
  const std::string text = verify_json(all);
  for (
      const char* part :
      {R"("ok":false)", R"("faults":1)", R"("records":1234)",
       R"("topic":"orders","partition":3,"blobs":1,"in_blobs":{"first":10,"next":20},"committed":20,"log":{"first":5,"next":25})",
       R"("partition":4,"blobs":0,"in_blobs":null,"committed":null,"log":null)",
       R"("kind":"gap","topic":"orders","partition":3,"range":{"first":12,"next":15},"parts":[],"blobs":[],"text":"are in no blob")"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

}  // namespace
}  // namespace penstock::app
