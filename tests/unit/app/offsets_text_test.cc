#include "app/offsets_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::app {
namespace {

using ::testing::HasSubstr;

appliance::OffsetRow with_claim() {
  return {.id = {"orders", Partition{11}},
          .log = {Position{0}, Position{12000}},
          .entry = GroupEntry{.position = Position{1000}, .metadata = "p1;..."},
          .claimed_blob = "orders/x-1.txt",
          .claimed_to = Position{1500}};
}

appliance::OffsetRow without_entry() {
  return {.id = {"a", Partition{0}}, .log = {Position{5}, Position{9}}, .entry = std::nullopt};
}

TEST(OffsetsText, the_table_has_names_to_the_left_and_numbers_to_the_right) {
  EXPECT_EQ(offsets_table({with_claim(), without_entry()}),
            "topic   partition  log start  committed  log end     lag  pending claim\n"
            "orders         11          0       1000    12000  11,000  to 1500: orders/x-1.txt\n"
            "a               0          5          -        9       4\n");
}

TEST(OffsetsText, programs_get_the_same) {
  EXPECT_EQ(
      offsets_json("g", {with_claim(), without_entry()}),
      R"({"group":"g","partitions":[{"topic":"orders","partition":11,"log_start":0,"committed":1000,)"
      R"("log_end":12000,"lag":11000,"claim":{"next":1500,"blob":"orders/x-1.txt"}},)"
      R"({"topic":"a","partition":0,"log_start":5,"committed":null,"log_end":9,"lag":4,"claim":null}]})");
}

TEST(OffsetsText, last_files_are_there_where_somebody_has_looked_for_them) {
  appliance::OffsetRow landed = without_entry();
  landed.last_file = "a/y-1.txt";
  appliance::OffsetRow never = with_claim();
  never.last_file = "";
  EXPECT_THAT(offsets_table({landed}), HasSubstr("pending claim  last file\n"));
  EXPECT_THAT(offsets_table({landed}), HasSubstr("a/y-1.txt\n"));
  EXPECT_THAT(offsets_json("g", {landed}), HasSubstr(R"("claim":null,"last_file":"a/y-1.txt"})"));
  EXPECT_THAT(offsets_json("g", {never}), HasSubstr(R"("},"last_file":null})"));
}

TEST(OffsetsText, what_setting_does_is_said_for_each_partition_and_for_the_lake) {
  const std::string text =
      moves_text({{.row = with_claim(), .to = Position{400}}, {.row = without_entry(), .to = Position{9}}});
  EXPECT_THAT(
      text, HasSubstr("topic orders, partition 11: 1000 -> 400 (the claim of orders/x-1.txt is settled)\n"));
  EXPECT_THAT(text, HasSubstr("topic a, partition 0: nothing committed -> 9\n"));
  EXPECT_THAT(text, HasSubstr("600 offsets back: the next run lands them again"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("forward")));
  EXPECT_THAT(moves_text({{.row = with_claim(), .to = Position{2000}}}), HasSubstr("1,000 offsets forward"));
}

TEST(OffsetsText, programs_get_what_was_replaced) {
  EXPECT_EQ(moves_json("g", {{.row = without_entry(), .to = Position{9}}}),
            R"({"group":"g","partitions":[{"topic":"a","partition":0,"replaced":null,"committed":9}]})");
}

}  // namespace
}  // namespace penstock::app
