#include "ledger/claim_text.h"

#include <array>

#include <gtest/gtest.h>

#include "ledger/assign.h"

namespace penstock::ledger {
namespace {

constexpr const char* k_sink = "00c0ffee";

TEST(ClaimText, is_read_as_it_was_written) {
  const Claim claim{.next = Position{9223372036854775807}, .sink = k_sink, .blob = "a/b;c=d-0123-7.txt"};
  EXPECT_EQ(format_claim(claim), "p1;9223372036854775807;00c0ffee;a/b;c=d-0123-7.txt");
  const MetadataText text = parse_metadata(format_claim(claim));
  ASSERT_TRUE(std::holds_alternative<Claim>(text));
  EXPECT_EQ(std::get<Claim>(text), claim);
}

TEST(ClaimText, nothing_and_foreign_text_are_no_claims) {
  EXPECT_TRUE(std::holds_alternative<NoClaim>(parse_metadata("")));
  for (const char* text : {"p", "px1;", "P1;5;00c0ffee;b", " p1;5;00c0ffee;b", "{\"a\":1}", "consumer-1"}) {
    EXPECT_TRUE(std::holds_alternative<ForeignText>(parse_metadata(text))) << text;
  }
}

TEST(ClaimText, what_begins_like_ours_and_is_not_is_never_foreign) {
  for (const char* text : {"p1",
                           "p1;",
                           "p1;5",
                           "p1;5;",
                           "p1;5;00c0ffee",
                           "p1;5;00c0ffee;",
                           "p1;;00c0ffee;b",
                           "p1;-5;00c0ffee;b",
                           "p1;+5;00c0ffee;b",
                           "p1;05;00c0ffee;b",
                           "p1; 5;00c0ffee;b",
                           "p1;5x;00c0ffee;b",
                           "p1;9223372036854775808;00c0ffee;b",
                           "p1;5;00C0FFEE;b",
                           "p1;5;0c0ffee;b",
                           "p1;5;000c0ffee;b",
                           "p1;5;00c0ffeg;b",
                           "p2;5;00c0ffee;b",
                           "p0;",
                           "p10;5;00c0ffee;b"}) {
    EXPECT_TRUE(std::holds_alternative<UnknownVersion>(parse_metadata(text))) << text;
  }
}

TEST(Assign, each_entry_has_its_answer) {
  EXPECT_TRUE(std::holds_alternative<StartAtSource>(assign_by_entry(std::nullopt, k_sink)));
  const auto plain = assign_by_entry(GroupEntry{Position{7}, ""}, k_sink);
  ASSERT_TRUE(std::holds_alternative<StartAt>(plain));
  EXPECT_EQ(std::get<StartAt>(plain).position, Position{7});
  EXPECT_FALSE(std::get<StartAt>(plain).foreign);
  const auto foreign = assign_by_entry(GroupEntry{Position{7}, "somebody's"}, k_sink);
  ASSERT_TRUE(std::holds_alternative<StartAt>(foreign));
  EXPECT_TRUE(std::get<StartAt>(foreign).foreign);
  const auto claim = assign_by_entry(GroupEntry{Position{7}, "p1;9;00c0ffee;b"}, k_sink);
  ASSERT_TRUE(std::holds_alternative<AskAbout>(claim));
  EXPECT_EQ(std::get<AskAbout>(claim).first, Position{7});
  EXPECT_EQ(std::get<AskAbout>(claim).claim.blob, "b");
  for (const char* text : {"p1;9;0badcafe;b", "p2;9;00c0ffee;b", "p1;7;00c0ffee;b", "p1;3;00c0ffee;b"}) {
    const auto stopped = assign_by_entry(GroupEntry{Position{7}, text}, k_sink);
    ASSERT_TRUE(std::holds_alternative<StopBecause>(stopped)) << text;
    EXPECT_NE(std::get<StopBecause>(stopped).why.find("by hand"), std::string::npos) << text;
  }
}

TEST(Assign, each_blob_has_its_answer) {
  const AskAbout question{.first = Position{7}, .claim = {.next = Position{9}, .sink = k_sink, .blob = "b"}};
  EXPECT_EQ(std::get<StartAt>(assign_by_blob(FoundBlob::tombstone, question)).position, Position{7});
  EXPECT_EQ(std::get<StartAt>(assign_by_blob(FoundBlob::claimed_range, question)).position, Position{9});
  EXPECT_TRUE(std::holds_alternative<StopBecause>(assign_by_blob(FoundBlob::absent, question)));
  EXPECT_TRUE(std::holds_alternative<StopBecause>(assign_by_blob(FoundBlob::other, question)));
}

}  // namespace
}  // namespace penstock::ledger
