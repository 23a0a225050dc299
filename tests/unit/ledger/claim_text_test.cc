#include "ledger/claim_text.h"

#include <array>
#include <string>
#include <tuple>
#include <utility>

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

constexpr const char* k_topic_id = "6c1f0a8be0a94c2f9d3b7a51c2e4d680";

TEST(ClaimText, of_each_form_is_read_as_it_was_written) {
  const Bare empty{.from = Position{970}};
  const Bare start{.from = Position{0}, .is_start = true};
  const std::string id = k_topic_id;
  for (const auto& [claim, text] : {
           std::pair(Claim{Position{5}, k_sink, "b", id, {}}, "p2;5;00c0ffee;" + id + ";b"),
           std::pair(Claim{Position{5}, k_sink, "b", id, empty}, "p3;5;00c0ffee;" + id + ";e970;b"),
           std::pair(Claim{Position{5}, k_sink, "e1;b", "", start}, std::string("p3;5;00c0ffee;;s0;e1;b")),
       }) {
    EXPECT_EQ(format_claim(claim), text);
    const MetadataText read = parse_metadata(text);
    ASSERT_TRUE(std::holds_alternative<Claim>(read)) << text;
    EXPECT_EQ(std::get<Claim>(read), claim) << text;
  }
  for (const auto& [bare, topic_id, text] : {
           std::tuple(std::optional<Bare>(), id, "i1;" + id),
           std::tuple(std::optional(empty), id, "i2;" + id + ";e970"),
           std::tuple(std::optional(start), std::string(), std::string("i2;;s0")),
       }) {
    EXPECT_EQ(format_no_claim(topic_id, bare), text);
    const MetadataText read = parse_metadata(text);
    ASSERT_TRUE(std::holds_alternative<NoClaim>(read)) << text;
    EXPECT_EQ(std::get<NoClaim>(read).topic_id, topic_id) << text;
    EXPECT_EQ(std::get<NoClaim>(read).bare, bare) << text;
    EXPECT_TRUE(holds_no_claim(text));
  }
}

TEST(ClaimText, of_greatest_length_is_what_event_hubs_keeps) {
  const Position last{9223372036854775807};
  const Claim claim{last, k_sink, std::string(900, 'b'), k_topic_id, Bare{.from = last}};
  EXPECT_EQ(format_claim(claim).size(), 986u);
}

TEST(ClaimText, nothing_and_foreign_text_are_no_claims) {
  EXPECT_TRUE(std::holds_alternative<NoClaim>(parse_metadata("")));
  for (const char* text : {"p", "px1;", "P1;5;00c0ffee;b", " p1;5;00c0ffee;b", "{\"a\":1}", "consumer-1",
                           "i2;;", "i2;;x5", "i2;;e", "i2;;e05", "i2;;e5;", "i2;5;e5", "i3;;e5", "i1;"}) {
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
                           "p2;5;00c0ffee;;b",
                           "p3;5;00c0ffee;b",
                           "p3;5;00c0ffee;;b",
                           "p3;5;00c0ffee;;e5;",
                           "p3;5;00c0ffee;;e5",
                           "p3;5;00c0ffee;;x5;b",
                           "p3;5;00c0ffee;;e-5;b",
                           "p3;5;00c0ffee;0;e5;b",
                           "p4;5;00c0ffee;;e5;b",
                           "p0;",
                           "p10;5;00c0ffee;b",
                           "p1;5;00c0ffee;../b",
                           "p1;5;00c0ffee;a/../../other/b",
                           "p1;5;00c0ffee;/etc/b",
                           "p1;5;00c0ffee;a//b",
                           "p1;5;00c0ffee;a/./b",
                           "p1;5;00c0ffee;a/",
                           "p1;5;00c0ffee;a\\b",
                           "p1;5;00c0ffee;a\nb",
                           "p1;5;00c0ffee;a\xC2\x85"}) {
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
