// The judge itself: fed with a world that is right it is silent, and each way of being wrong it names.
#include "sim/landings.h"

#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::sim {
namespace {

using testing::HasSubstr;
using testing::Optional;

const TopicPartition k_id{"api", Partition{0}};

class LandingsTest : public testing::Test {
 protected:
  LandingsTest() {
    for (std::int64_t offset : {0, 1, 2, 5, 6}) {  // 3 and 4 are a hole
      logs_[k_id].records.push_back({.offset = Offset{offset},
                                     .timestamp_ms = 0,
                                     .value = offset == 2 ? "" : value_of(k_id, Offset{offset}, "x")});
    }
    logs_[k_id].end = Position{8};
  }

  Landings& landings(Guarantee guarantee = Guarantee::exactly_once) {
    landings_.emplace(logs_, guarantee, true, "group", verdict_);
    return *landings_;
  }
  // A blob of these offsets, with a range that is said to be theirs.
  static SimBlob blob(std::initializer_list<std::int64_t> offsets, const std::string& ranges) {
    SimBlob blob;
    for (const std::int64_t offset : offsets) {
      blob.bytes += value_of(k_id, Offset{offset}, "x") + "\n";
    }
    blob.metadata = {{"penstock", "1"},
                     {"topic", "api"},
                     {"ranges", ranges},
                     {"records", std::to_string(offsets.size())},
                     {"bytes", std::to_string(blob.bytes.size())},
                     {"attempt", "a"},
                     {"group", "group"}};
    return blob;
  }

  SimClock clock_;
  Verdict verdict_{clock_, false};
  std::map<TopicPartition, Log> logs_;
  std::optional<Landings> landings_;
};

TEST_F(LandingsTest, is_silent_when_all_is_right) {
  Landings& judge = landings();
  judge.blob_created("a", blob({0, 1}, "0:0-2"));
  judge.entry_visible(k_id, {Position{2}, ""});
  judge.blob_created("b", blob({5, 6}, "0:3-8"));  // the batch between held nothing, and has no blob
  judge.entry_visible(k_id, {Position{8}, ""});
  judge.judge();
  EXPECT_EQ(verdict_.failure(), std::nullopt);
}

TEST_F(LandingsTest, finds_a_record_that_landed_twice) {
  Landings& judge = landings();
  judge.blob_created("a", blob({0, 1}, "0:0-2"));
  judge.blob_created("b", blob({1, 5, 6}, "0:1-8"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("landed again, in b")));
}

TEST_F(LandingsTest, allows_it_to_at_least_once) {
  Landings& judge = landings(Guarantee::at_least_once);
  judge.blob_created("a", blob({0, 1}, "0:0-2"));
  judge.blob_created("b", blob({1, 5, 6}, "0:1-8"));
  judge.judge();
  EXPECT_EQ(verdict_.failure(), std::nullopt);
}

TEST_F(LandingsTest, finds_a_record_that_never_landed) {
  Landings& judge = landings(Guarantee::at_least_once);
  judge.blob_created("a", blob({0, 1}, "0:0-2"));
  judge.judge();
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("offset 5 never landed")));
}

TEST_F(LandingsTest, finds_a_record_that_is_missing_from_its_range) {
  landings().blob_created("a", blob({0, 5}, "0:0-6"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("2 of the 3 records")));
}

TEST_F(LandingsTest, finds_a_record_twice_in_one_blob) {
  landings(Guarantee::at_least_once).blob_created("a", blob({0, 1, 1}, "0:0-2"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("not in order")));
}

TEST_F(LandingsTest, finds_a_record_outside_its_range) {
  landings().blob_created("a", blob({0, 1}, "0:0-1"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("of none of its ranges")));
}

TEST_F(LandingsTest, finds_a_line_that_is_no_record) {
  SimBlob spoiled = blob({0, 1}, "0:0-2");
  spoiled.bytes[spoiled.bytes.size() - 2] = 'y';
  landings().blob_created("a", spoiled);
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("is no record")));
}

TEST_F(LandingsTest, finds_a_line_that_is_cut_off) {
  SimBlob spoiled = blob({0, 1}, "0:0-2");
  spoiled.bytes.pop_back();
  landings().blob_created("a", spoiled);
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("does not end with a whole line")));
}

TEST_F(LandingsTest, finds_metadata_that_do_not_count) {
  SimBlob spoiled = blob({0, 1}, "0:0-2");
  spoiled.metadata[3].second = "3";
  landings().blob_created("a", spoiled);
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("metadata")));
}

TEST_F(LandingsTest, finds_ranges_that_cannot_be) {
  landings().blob_created("a", blob({0, 1}, "0:2-0"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("cannot be")));
}

TEST_F(LandingsTest, finds_an_entry_ahead_of_the_blobs) {
  Landings& judge = landings();
  judge.blob_created("a", blob({0, 1}, "0:0-2"));
  judge.entry_visible(k_id, {Position{5}, ""});  // holes and empty values need no blob
  EXPECT_EQ(verdict_.failure(), std::nullopt);
  judge.entry_visible(k_id, {Position{6}, ""});
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("offset 5 is in no blob")));
}

TEST_F(LandingsTest, finds_a_tombstone_that_is_not_empty) {
  landings().blob_created("a", {.bytes = "x", .metadata = {{"tombstone", "1"}}});
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("holds something")));
}

}  // namespace
}  // namespace penstock::sim
