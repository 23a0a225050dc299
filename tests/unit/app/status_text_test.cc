#include "app/status_text.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "obs/status.h"

namespace penstock::app {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

WallTime moment(int second) {
  return WallTime(std::chrono::seconds(second));
}

obs::Status sample() {
  obs::Status status;
  status.version = "0.1.0";
  status.name = "web";
  status.now = moment(10'000);
  status.start_time = moment(1'000);
  status.state = obs::StatusState::ready;
  status.state_since = moment(9'900);
  status.records = 1'234'567;
  status.bytes = 1'200'000'000;
  status.files = 40;
  status.last_file = moment(9'965);
  status.stage_bytes = 250'000'000;
  status.stage_limit = 1'000'000'000;
  status.lag_records = 77;
  status.lag_seconds = 90;
  status.topics.push_back({.topic = "a-topic-whose-name-is-rather-long-and-ends-in-1",
                           .partition_count = 4,
                           .lag_records = 77,
                           .lag_seconds = 90,
                           .landed_until = moment(9'910),
                           .records = 1'234'567,
                           .files = 40,
                           .last_file = moment(9'965)});
  status.workers.push_back(
      {.partitions = 4, .open_batches = 1, .request_limit = 4, .io_backend = "io_uring"});
  status.troubles.push_back({.first = moment(9'000),
                             .last = moment(9'990),
                             .times = 12,
                             .level = obs::Level::warning,
                             .text = "uploads fail and are tried again, nothing is lost"});
  status.history = obs::StatusHistory(std::chrono::seconds(10), {{100, 1000, 0}, {0, 0, 10}, {50, 500, 5}});
  return status;
}

codec::JsonValue parsed(const obs::Status& status) {
  const auto json = codec::json_object(obs::status_json(status));
  return json ? *json : codec::JsonValue{};
}

std::size_t characters(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](unsigned char c) { return (c & 0xC0U) != 0x80; }));
}

TEST(StatusText, says_what_the_instance_does) {
  const std::vector<std::string> lines = status_lines(parsed(sample()), {.columns = 120});
  EXPECT_EQ(lines[0], "web: ready");
  EXPECT_EQ(lines[1], "penstock 0.1.0, up 2 h 30 min, ready for 100 s");
  EXPECT_THAT(lines, Contains("read     5 records/s, 50 B/s  \u2588\u2581\u2585"));
  EXPECT_THAT(lines, Contains(HasSubstr("lag      77 records, 90 s")));
  EXPECT_THAT(lines, Contains("landed   1,234,567 records, 1.2 GB in 40 files, the last 35 s ago"));
  EXPECT_THAT(lines, Contains("stage    250.0 MB of 1.0 GB (25 %), was full for 0 s"));
  EXPECT_THAT(lines, Contains("batches  1 open, 0 on the way, 0 of 4 requests"));
  EXPECT_THAT(lines, Contains("complete to 1970-01-01T02:45:10Z, 90 s ago, as "
                              "a-topic-whose-name-is-rather-long-and-ends-in-1 is"));
  EXPECT_THAT(lines, Contains(HasSubstr("12x  warning  uploads fail")));
}

TEST(StatusText, a_topic_with_records_in_quarantine_says_so) {
  obs::Status status = sample();
  EXPECT_THAT(status_lines(parsed(status), {.columns = 120}), Not(Contains(HasSubstr("quarantine"))));
  status.topics[0].quarantined = 1234;
  EXPECT_THAT(status_lines(parsed(status), {.columns = 120}),
              Contains(HasSubstr("35 s ago, 1,234 in quarantine")));
  EXPECT_THAT(status_lines(parsed(status), {.columns = 80}),
              Contains("aside    1,234 records in quarantine"));
}

TEST(StatusText, complete_is_what_every_topic_is) {
  obs::Status status = sample();
  status.topics.push_back({.topic = "b", .landed_until = moment(9'000)});
  EXPECT_THAT(status_lines(parsed(status), {.columns = 120}),
              Contains(AllOf(HasSubstr("complete to 1970-01-01T02:30:00Z, "), HasSubstr(" ago, as b is"))));
  status.topics.push_back({.topic = "c"});
  status.topics.push_back({.topic = "d", .landed_until = moment(8'000)});
  EXPECT_THAT(status_lines(parsed(status), {.columns = 120}),
              Contains("complete to a time that is not known of c"));
}

TEST(StatusText, columns_of_a_table_are_aligned) {
  obs::Status status = sample();
  status.topics.push_back({.topic = "b", .partition_count = 100, .records = 5});
  const std::vector<std::string> lines = status_lines(parsed(status), {.columns = 120});
  const auto header = std::find_if(lines.begin(), lines.end(),
                                   [](const std::string& line) { return line.starts_with("topic"); });
  ASSERT_NE(header, lines.end());
  for (const auto line : {header + 1, header + 2}) {
    EXPECT_EQ(characters(*line), characters(*header)) << *line;
  }
}

TEST(StatusText, no_line_is_wider_and_there_are_no_more_than_the_terminal_has) {
  for (const std::size_t columns : {40, 60, 80, 200}) {
    for (const std::string& line : status_lines(parsed(sample()), {.columns = columns})) {
      EXPECT_LE(characters(line), columns) << line;
    }
  }
  EXPECT_EQ(status_lines(parsed(sample()), {.columns = 80, .rows = 7}).size(), 7);
}

TEST(StatusText, a_long_name_keeps_its_beginning_and_its_end) {
  EXPECT_THAT(status_lines(parsed(sample()), {.columns = 90}), Contains(HasSubstr("...")));
  EXPECT_THAT(status_lines(parsed(sample()), {.columns = 90}), Contains(HasSubstr("in-1  ")));
}

TEST(StatusText, what_is_in_the_way_is_a_sentence) {
  obs::Status status = sample();
  status.state = obs::StatusState::waiting;
  status.reason = "waiting for the brokers";
  EXPECT_EQ(state_sentence(parsed(status)), "not ready: waiting for the brokers");
  status.state = obs::StatusState::ready;
  status.reason = "no topic yet";
  EXPECT_EQ(state_sentence(parsed(status)), "ready: no topic yet");
  status.reason.clear();
  EXPECT_EQ(state_sentence(parsed(status)), "ready");
  status.state = obs::StatusState::draining;
  status.reason = "draining: 3 batches";
  EXPECT_EQ(state_sentence(parsed(status)), "draining: 3 batches");
}

TEST(StatusText, nothing_steers_the_terminal) {
  obs::Status status = sample();
  status.name = "a\x1b[2J";
  status.reason = "b\x1b]0;c\a";
  status.state = obs::StatusState::waiting;
  status.topics[0].topic = "d\r\n\x1b[31m";
  status.troubles[0].text = "e\x1b[1A";
  status.workers[0].io_backend = "\x9b";
  for (const std::string& line : status_lines(parsed(status), {.columns = 120})) {
    EXPECT_EQ(line.find_first_of("\x1b\r\n\a"), std::string::npos) << line;
  }
}

TEST(StatusText, an_answer_without_anything_is_no_harm) {
  EXPECT_FALSE(status_lines(*codec::json_object("{}"), {.columns = 40}).empty());
}

}  // namespace
}  // namespace penstock::app
