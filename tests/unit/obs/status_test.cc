#include "obs/status.h"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::obs {
namespace {

using testing::HasSubstr;

WallTime moment(int second) {
  return WallTime(std::chrono::seconds(second));
}

TEST(StatusJson, an_instance_that_waits_for_its_brokers_says_so) {
  Status status;
  status.version = "0.1.0";
  status.name = "web";
  status.now = moment(20);
  status.start_time = moment(10);
  status.reason = "waiting for the brokers";
  EXPECT_EQ(
      status_json(status),
      R"({"version":"0.1.0","name":"web","now":20.000,"start_time":10.000,"state":"waiting",)"
      R"("reason":"waiting for the brokers","state_since":null,"lag_records":0,"lag_seconds":null,"records":0,"bytes":0,)"
      R"("files":0,"file_bytes":0,"last_file":null,"stage":{"bytes":0,"limit_bytes":0,"full_s":0.000},)"
      R"("retries":[],"throttled":[],"commit_failures":0,"rebalances":0,"cpu_seconds":0.000,)"
      R"("memory_bytes":0,"topics":[],"partitions_left_out":0,"workers":[],"troubles":[],)"
      R"("history":{"interval_s":1.875,"records":[],"bytes":[],"lag_records":[]},"configuration":[]})");
}

TEST(StatusJson, topics_have_their_partitions_and_what_is_not_known_is_null) {
  Status status;
  status.topics.push_back({.topic = "api",
                           .partition_count = 2,
                           .lag_records = 7,
                           .lag_seconds = 2.5,
                           .landed_until = moment(4),
                           .read_per_second = 1.5,
                           .records = 100,
                           .bytes = 1000,
                           .files = 3,
                           .quarantined = 12,
                           .last_file = moment(5),
                           .refused = true,
                           .partitions = {{.partition = 0,
                                           .position = 50,
                                           .committed = 43,
                                           .log_end = 50,
                                           .lag_records = 7,
                                           .lag_seconds = 2.5},
                                          {.partition = 1, .position = 9, .committed = 9}}});
  EXPECT_THAT(
      status_json(status),
      HasSubstr(
          R"("topics":[{"topic":"api","partition_count":2,"lag_records":7,"lag_seconds":2.500,"landed_until":4.000,)"
          R"("read_per_second":1.500,"records":100,"bytes":1000,"files":3,"quarantined":12,"last_file":5.000,)"
          R"("refused":true,"partitions":[)"
          R"({"partition":0,"position":50,"committed":43,"log_end":50,"lag_records":7,"lag_seconds":2.500},)"
          R"({"partition":1,"position":9,"committed":9,"log_end":null,"lag_records":null,"lag_seconds":null}]}])"));
}

TEST(StatusJson, workers_troubles_history_and_configuration_are_lists) {
  Status status;
  status.state = StatusState::draining;
  status.workers.push_back({.index = 1, .partitions = 2, .open_batches = 3, .request_limit = 4});
  status.retries.push_back({.name = "throttled", .count = 2});
  status.troubles.push_back(
      {.first = moment(1), .last = moment(2), .times = 3, .level = Level::error, .text = "uploads \"fail\""});
  status.history = StatusHistory(std::chrono::seconds(30), {{1, 2, 3}, {4, 5, 6}});
  status.configuration.push_back({.key = "sink.auth.key", .value = "(secret)", .written = true});
  const std::string json = status_json(status);
  EXPECT_THAT(json, HasSubstr(R"("state":"draining")"));
  EXPECT_THAT(json, HasSubstr(R"({"worker":1,"silent_s":null,"partitions":2,"open_batches":3,)"));
  EXPECT_THAT(json, HasSubstr(R"("retries":[{"name":"throttled","count":2}])"));
  EXPECT_THAT(json, HasSubstr(R"({"first":1.000,"last":2.000,"times":3,"level":"error",)"
                              R"("text":"uploads \"fail\""})"));
  EXPECT_THAT(json, HasSubstr(R"("interval_s":30.000,"records":[1,4],"bytes":[2,5],"lag_records":[3,6])"));
  EXPECT_THAT(json, HasSubstr(R"_({"key":"sink.auth.key","value":"(secret)","written":true})_"));
}

TEST(StatusJson, hostile_names_stay_texts) {
  Status status;
  status.topics.push_back({.topic = "a\"],\n\xff</script>"});
  EXPECT_THAT(status_json(status), HasSubstr(R"("topic":"a\"],\n\\xff</script>")"));
}

}  // namespace
}  // namespace penstock::obs
