#include "verify/quarantines.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format/quarantine.h"

namespace penstock::verify {
namespace {

using Judged = Quarantines::Judged;

BlobFacts file(const std::string& name, std::uint64_t quarantined, const std::string& attempt = "attempt") {
  BlobFacts facts;
  facts.kind = BlobFacts::Kind::data;
  facts.name = name;
  facts.metadata.quarantined = quarantined;
  facts.metadata.attempt = attempt;
  return facts;
}

BlobFacts beside(const std::string& name, std::uint64_t records, const std::string& of = "attempt") {
  BlobFacts facts;
  facts.kind = BlobFacts::Kind::quarantine;
  facts.name = format::quarantine_name(name);
  facts.metadata.records = records;
  facts.metadata.of = of;
  return facts;
}

class QuarantinesTest : public ::testing::Test {
 protected:
  // What was found, as "FAULT name: text".
  std::vector<std::string> settle() {
    Findings findings;
    const Result<void> settled = quarantines_.settle(
        [this](const std::string& name) -> Result<std::optional<BlobFacts>> {
          asked_.push_back(name);
          const auto found = appeared_.find(name);
          return found == appeared_.end() ? std::nullopt : std::optional(found->second);
        },
        findings);
    EXPECT_TRUE(settled.ok());
    std::vector<std::string> told;
    for (const Finding& each : findings.all()) {
      EXPECT_EQ(each.kind, FindingKind::quarantine);
      told.push_back((each.severity == Severity::fault ? "FAULT " : "note ") + each.blobs.at(0) + ": " +
                     each.text);
    }
    return told;
  }

  static void expect_one(const std::vector<std::string>& told, const std::string& begin,
                         const std::string& has) {
    ASSERT_EQ(told.size(), 1U);
    EXPECT_TRUE(told[0].starts_with(begin)) << told[0];
    EXPECT_NE(told[0].find(has), std::string::npos) << told[0];
  }

  Quarantines quarantines_;
  std::map<std::string, BlobFacts> appeared_;  // since the names were listed
  std::vector<std::string> asked_;
};

TEST_F(QuarantinesTest, a_pair_counts_in_whatever_order_it_was_listed) {
  quarantines_.add_quarantine(beside("a.txt", 2));
  quarantines_.add_file(file("a.txt", 2), Judged::yes);
  quarantines_.add_file(file("b.txt", 3), Judged::yes);
  quarantines_.add_quarantine(beside("b.txt", 3));
  quarantines_.add_file(file("c.txt", 0), Judged::yes);
  EXPECT_TRUE(settle().empty());
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(quarantines_.files(), 2U);
  EXPECT_EQ(quarantines_.records(), 5U);
}

TEST_F(QuarantinesTest, a_quarantine_that_is_gone_is_a_fault) {
  quarantines_.add_file(file("a.txt", 2), Judged::yes);
  expect_one(settle(), "FAULT _quarantine/a.txt.json: is not there", "2 records");
  EXPECT_EQ(asked_, (std::vector<std::string>{"_quarantine/a.txt.json"}));
  EXPECT_EQ(quarantines_.files(), 0U);
}

TEST_F(QuarantinesTest, one_that_came_after_its_place_was_listed_is_found_by_asking) {
  quarantines_.add_file(file("a.txt", 2), Judged::yes);
  appeared_.emplace("_quarantine/a.txt.json", beside("a.txt", 2));
  EXPECT_TRUE(settle().empty());
  EXPECT_EQ(quarantines_.records(), 2U);
}

TEST_F(QuarantinesTest, counts_that_differ_are_a_fault) {
  quarantines_.add_file(file("a.txt", 2), Judged::yes);
  quarantines_.add_quarantine(beside("a.txt", 3));
  expect_one(settle(), "FAULT", "has 3 records, and the file beside it says 2");
}

TEST_F(QuarantinesTest, a_file_that_says_nothing_of_the_quarantine_beside_it_is_a_fault) {
  quarantines_.add_quarantine(beside("a.txt", 3));
  quarantines_.add_file(file("a.txt", 0), Judged::yes);
  expect_one(settle(), "FAULT", "says 0");
}

TEST_F(QuarantinesTest, so_is_one_that_was_listed_before_its_quarantine) {
  quarantines_.add_file(file("a.txt", 0), Judged::yes);
  quarantines_.add_quarantine(beside("a.txt", 3));
  appeared_.emplace("a.txt", file("a.txt", 0));
  expect_one(settle(), "FAULT", "says 0");
}

TEST_F(QuarantinesTest, a_quarantine_of_another_attempt_is_a_fault) {
  quarantines_.add_file(file("a.txt", 2), Judged::yes);
  quarantines_.add_quarantine(beside("a.txt", 2, "another"));
  expect_one(settle(), "FAULT", "another attempt");
}

TEST_F(QuarantinesTest, a_quarantine_without_its_file_counts_for_nothing_and_is_a_note) {
  quarantines_.add_quarantine(beside("a.txt", 2));
  expect_one(settle(), "note", "counts for nothing");
  EXPECT_EQ(asked_, (std::vector<std::string>{"a.txt"}));
  EXPECT_EQ(quarantines_.files(), 0U);
}

TEST_F(QuarantinesTest, a_tombstone_is_no_file_that_a_quarantine_lies_beside) {
  quarantines_.add_quarantine(beside("a.txt", 2));
  BlobFacts tombstone;
  tombstone.kind = BlobFacts::Kind::tombstone;
  appeared_.emplace("a.txt", tombstone);
  expect_one(settle(), "note", "counts for nothing");
}

TEST_F(QuarantinesTest, a_file_that_came_after_its_place_was_listed_is_found_by_asking) {
  quarantines_.add_quarantine(beside("a.txt", 2));
  appeared_.emplace("a.txt", file("a.txt", 2));
  EXPECT_TRUE(settle().empty());
  EXPECT_EQ(quarantines_.records(), 2U);
}

TEST_F(QuarantinesTest, nothing_is_said_of_what_lies_beside_a_file_that_is_left_out) {
  quarantines_.add_file(file("a.txt", 2), Judged::left_out);
  quarantines_.add_quarantine(beside("a.txt", 3));
  quarantines_.add_file(file("b.txt", 2), Judged::left_out);
  EXPECT_TRUE(settle().empty());
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(quarantines_.files(), 0U);
}

}  // namespace
}  // namespace penstock::verify
