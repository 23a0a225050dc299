// The judge itself: fed with a world that is right it is silent, and each way of being wrong it names.
#include "sim/landings.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/concat.h"
#include "codec/checksum.h"
#include "format/blob_metadata.h"

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
    std::string text;
    for (const std::int64_t offset : offsets) {
      text += value_of(k_id, Offset{offset}, "x") + "\n";
    }
    return blob_of_text(text, offsets.size(), ranges);
  }
  static SimBlob blob_of_text(const std::string& text, std::size_t records, const std::string& ranges) {
    return {.bytes = text,
            .metadata = {{"penstock", "1"},
                         {"topic", "api"},
                         {"ranges", ranges},
                         {"records", std::to_string(records)},
                         {"bytes", std::to_string(text.size())},
                         {"attempt", "a"},
                         {"group", "group"},
                         {"crc32c", crc_text(text)},
                         {"skipped", "0"},
                         {"holes", std::to_string(positions_of(ranges) - records)}}};
  }
  static std::string envelope(std::int64_t offset, const std::string& value) {
    return concat(R"({"topic":"api","partition":0,"offset":)", offset,
                  R"(,"timestamp":0,"timestamp_type":"CreateTime","key":null,"headers":[],)", value, "}\n");
  }

  static std::string crc_text(const std::string& bytes) {
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%08x", codec::crc32c(as_bytes(bytes)));
    return text.data();
  }
  static std::uint64_t positions_of(const std::string& ranges) {
    format::BlobMetadata metadata;
    if (const auto parsed = format::parse_ranges(ranges); parsed.ok()) {
      metadata.ranges = parsed.value();
    }
    return metadata.position_count();
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

// Offset 2 has no value, and a line all the same.
TEST_F(LandingsTest, expects_an_envelope_of_each_record) {
  Landings& judge = landings();
  judge.files_of("api", {.rows = format::RowFormat::envelope});
  judge.blob_created("a.json", blob_of_text(envelope(0, R"("value_base64":"YXBpOjA6MDp4")") +
                                                envelope(1, R"("value_base64":"YXBpOjA6MTp4")") +
                                                envelope(2, R"("value":null)"),
                                            3, "0:0-3"));
  EXPECT_EQ(verdict_.failure(), std::nullopt);
  judge.blob_created("b.json", blob_of_text(envelope(5, R"("value":null)"), 1, "0:5-6"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("is no record")));
}

TEST_F(LandingsTest, finds_a_record_without_an_envelope) {
  Landings& judge = landings();
  judge.files_of("api", {.rows = format::RowFormat::envelope});
  judge.blob_created("a.json", blob_of_text(envelope(0, R"("value_base64":"YXBpOjA6MDp4")") +
                                                envelope(1, R"("value_base64":"YXBpOjA6MTp4")"),
                                            2, "0:0-3"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("has 2 of the 3 records")));
}

TEST_F(LandingsTest, finds_a_name_of_another_format) {
  Landings& judge = landings();
  judge.files_of("api", {.rows = format::RowFormat::envelope});
  judge.blob_created("a.txt", blob({0, 1}, "0:0-2"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("another format")));
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

TEST_F(LandingsTest, finds_positions_that_are_not_told_of) {
  SimBlob spoiled = blob({0, 1}, "0:0-2");
  spoiled.metadata.back().second = "1";
  landings().blob_created("a", spoiled);
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("what each of its 2 positions is")));
}

TEST_F(LandingsTest, finds_another_checksum) {
  SimBlob spoiled = blob({0, 1}, "0:0-2");
  std::ranges::find(spoiled.metadata, "crc32c", &Metadata::value_type::first)->second = "00000000";
  landings().blob_created("a", spoiled);
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("another checksum")));
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

// The values of these worlds are "api:0:1:x", of 9 bytes. With another filler they are longer than that.
class QuarantinedLandingsTest : public LandingsTest {
 protected:
  QuarantinedLandingsTest() {
    logs_[k_id].records[1].value = value_of(k_id, Offset{1}, "xyz");
    logs_[k_id].records[4].value = value_of(k_id, Offset{6}, "xyz");
  }

  Landings& judge() {
    Landings& made = landings();
    made.files_of(k_id.topic, {.rules = {.value_bytes_max = 9}});
    return made;
  }
  static SimBlob quarantine(std::initializer_list<std::int64_t> offsets) {
    SimBlob made;
    for (const std::int64_t offset : offsets) {
      made.bytes +=
          *row_of(
              {.rules = {.value_bytes_max = 9}}, k_id,
              {.offset = Offset{offset}, .timestamp_ms = 0, .value = value_of(k_id, Offset{offset}, "xyz")}) +
          "\n";
    }
    made.metadata = {{"penstock", "1"},
                     {"quarantine", "1"},
                     {"of", "a"},
                     {"topic", "api"},
                     {"records", std::to_string(offsets.size())},
                     {"bytes", std::to_string(made.bytes.size())},
                     {"crc32c", crc_text(made.bytes)},
                     {"attempt", "b"},
                     {"group", "group"}};
    return made;
  }
  static SimBlob with_quarantined(SimBlob blob, int count) {
    blob.metadata.emplace_back("quarantined", std::to_string(count));
    for (auto& [key, value] : blob.metadata) {
      value = key == "holes" ? std::to_string(std::stoi(value) - count) : value;
    }
    return blob;
  }
};

TEST_F(QuarantinedLandingsTest, is_silent_when_each_record_is_in_its_place) {
  Landings& at = judge();
  at.blob_created("_quarantine/a.json", quarantine({1}));
  at.blob_created("a", with_quarantined(blob({0}, "0:0-2"), 1));
  at.blob_created("_quarantine/b.json", quarantine({6}));
  at.blob_created("b", with_quarantined(blob({5}, "0:3-8"), 1));
  at.blob_created("_quarantine/left.json", quarantine({1}));  // of a writer that died
  at.judge();
  EXPECT_EQ(verdict_.failure(), std::nullopt);
  EXPECT_EQ(at.quarantined(), 2U);
}

TEST_F(QuarantinedLandingsTest, a_file_may_have_all_of_its_records_in_quarantine) {
  judge().blob_created("_quarantine/a.json", quarantine({6}));
  landings_->blob_created("a", with_quarantined(blob({}, "0:6-7"), 1));
  EXPECT_EQ(verdict_.failure(), std::nullopt);
}

TEST_F(QuarantinedLandingsTest, finds_a_file_that_is_there_before_its_quarantine) {
  judge().blob_created("a", with_quarantined(blob({0}, "0:0-2"), 1));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("a quarantine is not there")));
}

TEST_F(QuarantinedLandingsTest, finds_a_quarantine_that_its_file_says_nothing_of) {
  judge().blob_created("_quarantine/a.json", quarantine({1}));
  landings_->blob_created("a", blob({0}, "0:0-2"));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("a quarantine is there")));
}

TEST_F(QuarantinedLandingsTest, finds_a_quarantine_of_another_file) {
  SimBlob other = quarantine({1});
  other.metadata[2].second = "c";
  judge().blob_created("_quarantine/a.json", other);
  landings_->blob_created("a", with_quarantined(blob({0}, "0:0-2"), 1));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("is another")));
}

TEST_F(QuarantinedLandingsTest, finds_a_record_that_should_be_in_quarantine_and_is_in_the_file) {
  logs_[k_id].records[0].value = value_of(k_id, Offset{0}, "xyz");
  SimBlob made = blob({}, "0:0-1");
  made.bytes = logs_[k_id].records[0].value + "\n";
  judge().blob_created("a", made);
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("is no record")));
}

TEST_F(QuarantinedLandingsTest, finds_a_record_that_is_in_both) {
  Landings& at = judge();
  at.blob_created("_quarantine/a.json", quarantine({1}));
  at.blob_created("a", with_quarantined(blob({0}, "0:0-2"), 1));
  at.blob_created("_quarantine/b.json", quarantine({1}));
  at.blob_created("b", with_quarantined(blob({}, "0:1-2"), 1));
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("landed again, in b")));
}

TEST_F(LandingsTest, finds_a_tombstone_that_is_not_empty) {
  landings().blob_created("a", {.bytes = "x", .metadata = {{"tombstone", "1"}}});
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("holds something")));
}

// Retention has deleted 0 to 2, and the worker began at 3.
TEST_F(LandingsTest, finds_a_loss_that_nobody_was_told_of) {
  Landings& judge = landings();
  logs_[k_id].start = Position{3};
  judge.blob_created("a", blob({5, 6}, "0:3-8"));
  judge.entry_visible(k_id, {Position{8}, ""});
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("offset 0 is in no blob")));
}

TEST_F(LandingsTest, allows_a_loss_that_was_told) {
  Landings& judge = landings();
  logs_[k_id].start = Position{3};
  judge.lost_before(k_id, Position{3});
  judge.blob_created("a", blob({5, 6}, "0:3-8"));
  judge.entry_visible(k_id, {Position{8}, ""});
  judge.judge();
  EXPECT_EQ(verdict_.failure(), std::nullopt);
}

TEST_F(LandingsTest, finds_a_loss_that_its_log_still_has) {
  Landings& judge = landings();
  judge.lost_before(k_id, Position{3});
  judge.blob_created("a", blob({5, 6}, "0:3-8"));
  judge.judge();
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("offset 0 never landed")));
}

// All of the old log has landed. The new one begins with other records, at the same offsets.
class ReplacedLogTest : public LandingsTest {
 protected:
  void replace_from(std::int64_t cut) {
    Log& log = logs_[k_id];
    auto old = std::make_unique<Log>(log);
    for (LogRecord& record : log.records) {
      if (record.offset.value >= cut) {
        record.value = value_of(k_id, record.offset, "new");
      }
    }
    landings_->log_replaced(k_id, std::move(old), Position{cut});
  }
};

TEST_F(ReplacedLogTest, finds_a_new_log_that_is_read_from_the_old_position) {
  Landings& judge = landings();
  judge.blob_created("a", blob({0, 1}, "0:0-5"));
  replace_from(0);
  judge.judge();
  EXPECT_THAT(verdict_.failure(),
              Optional(HasSubstr("offset 0 never landed, of the log that was made anew")));
}

TEST_F(ReplacedLogTest, wants_of_a_log_that_was_cut_only_what_lies_behind) {
  Landings& judge = landings();
  judge.blob_created("a", blob({0, 1, 5}, "0:0-6"));
  replace_from(6);
  judge.judge();
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("offset 6 never landed")));
}

TEST_F(ReplacedLogTest, finds_a_blob_of_two_logs) {
  Landings& judge = landings();
  replace_from(5);
  SimBlob mixed = blob({5}, "0:5-8");
  mixed.bytes += value_of(k_id, Offset{6}, "new") + "\n";
  judge.blob_created("a", mixed);
  EXPECT_THAT(verdict_.failure(), Optional(HasSubstr("is no record")));
}

TEST_F(ReplacedLogTest, demands_nothing_of_a_partition_that_was_stopped) {
  Landings& judge = landings();
  replace_from(0);
  judge.excuse(k_id);
  judge.judge();
  EXPECT_EQ(verdict_.failure(), std::nullopt);
}

}  // namespace
}  // namespace penstock::sim
