#include "appliance/status_keeper.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/load.h"

namespace penstock::appliance {
namespace {

using std::chrono::seconds;

class StatusKeeperTest : public testing::Test {
 protected:
  StatusKeeperTest() : settings_(loaded()), keeper_(settings_) { worker_.heartbeat.beat(); }

  static config::Settings loaded() {
    auto settings = config::load_text(
        "name: web\nsource: {brokers: [a:1], topics: t}\nsink: {url: 'null:'}\n"
        "admin: {token: a-token-of-a-test}\n",
        "x.yaml", config::process_environment());
    EXPECT_TRUE(settings.ok());
    return *std::move(settings);
  }

  void read_to(std::int64_t position, std::int64_t committed, std::int64_t end, std::int64_t lag_ms = -1) {
    std::vector<obs::PartitionRow> rows{{.id = {.topic = "t", .partition = Partition(3)},
                                         .position = Position(position),
                                         .log_end = Position(end),
                                         .committed = Position(committed),
                                         .lag_ms = lag_ms}};
    worker_.partitions.exchange(rows);
  }

  void look(obs::StatusState state = obs::StatusState::ready) {
    keeper_.look(workers_, {.state = state, .reason = "", .start_time = WallTime{}}, now_,
                 WallTime(now_ - MonoTime{}));
  }

  obs::Status status(obs::StatusState state = obs::StatusState::ready) {
    return keeper_.status(workers_, {.state = state, .reason = "", .start_time = WallTime{}}, now_,
                          WallTime(now_ - MonoTime{}));
  }

  config::Settings settings_;
  StatusKeeper keeper_;
  obs::WorkerMetrics worker_{0};
  std::vector<const obs::WorkerMetrics*> workers_{&worker_};
  MonoTime now_{seconds(1000)};
};

TEST_F(StatusKeeperTest, a_topic_has_landed_until_the_earliest_of_its_partitions) {
  const auto until = [&](std::vector<std::int64_t> times_ms) {
    std::vector<obs::PartitionRow> rows;
    for (const std::int64_t time_ms : times_ms) {
      obs::PartitionRow& row = rows.emplace_back();
      row.id = {.topic = "t", .partition = Partition(static_cast<std::int32_t>(rows.size()))};
      row.landed_until_ms = time_ms;
    }
    worker_.partitions.exchange(rows);
    look();
    return status().topics[0].landed_until;
  };
  EXPECT_EQ(until({9000, 7000, 8000}), WallTime(seconds(7)));
  EXPECT_EQ(until({9000, -1, 8000}), std::nullopt) << "of one it is not known";
  EXPECT_EQ(until({-1, 9000}), std::nullopt);
}

TEST_F(StatusKeeperTest, a_partition_has_its_offsets_and_its_lag_behind_what_is_published) {
  read_to(150, 100, 160);
  look();
  const obs::Status told = status();
  ASSERT_EQ(told.topics.size(), 1);
  ASSERT_EQ(told.topics[0].partitions.size(), 1);
  EXPECT_EQ(told.topics[0].partitions[0].lag_records, 60);
  EXPECT_EQ(told.topics[0].lag_records, 60);
  EXPECT_EQ(told.lag_records, 60);
  EXPECT_EQ(told.topics[0].partitions[0].lag_seconds, std::nullopt);
  read_to(150, 100, -1, 2'500);
  EXPECT_EQ(status().topics[0].partitions[0].lag_records, std::nullopt);
  EXPECT_EQ(status().topics[0].partitions[0].lag_seconds, 2.5);
  EXPECT_EQ(status().topics[0].lag_seconds, 2.5);
  EXPECT_EQ(status().lag_seconds, 2.5);
}

TEST_F(StatusKeeperTest, a_rate_is_that_of_the_last_half_minute) {
  for (int second = 0; second <= 60; ++second) {
    read_to(second * 100, 0, 100'000);
    look();
    now_ += seconds(1);
  }
  EXPECT_NEAR(status().topics[0].read_per_second, 100, 7);
  for (int second = 0; second <= 60; ++second) {
    look();
    now_ += seconds(1);
  }
  EXPECT_EQ(status().topics[0].read_per_second, 0);
}

TEST_F(StatusKeeperTest, a_rate_is_there_soon_after_the_partitions) {
  look();
  now_ += seconds(5);
  read_to(0, 0, 1000);
  look();
  now_ += seconds(2);
  read_to(100, 0, 1000);
  look();
  EXPECT_EQ(status().topics[0].read_per_second, 50);
}

TEST_F(StatusKeeperTest, the_time_of_the_last_file_is_when_it_was_first_counted) {
  look();
  EXPECT_FALSE(status().last_file);
  worker_.topics.of("t").records.add(7);
  look();
  EXPECT_FALSE(status().last_file) << "records of it were read, and none has landed";
  EXPECT_FALSE(status().topics[0].last_file);
  worker_.topics.of("t").blobs.add();
  now_ += seconds(5);
  look();
  now_ += seconds(5);
  look();
  EXPECT_EQ(status().last_file, WallTime(seconds(1005)));
  EXPECT_EQ(status().topics[0].last_file, WallTime(seconds(1005)));
}

TEST_F(StatusKeeperTest, it_says_since_when_the_state_is_what_it_is) {
  look();
  now_ += seconds(5);
  look(obs::StatusState::waiting);
  now_ += seconds(5);
  look(obs::StatusState::waiting);
  EXPECT_EQ(status(obs::StatusState::waiting).state_since, WallTime(seconds(1005)));
}

TEST_F(StatusKeeperTest, partitions_beyond_the_bound_are_counted_and_not_listed) {
  std::vector<obs::PartitionRow> rows;
  for (std::int32_t i = 0; i < 3000; ++i) {
    rows.push_back(
        {.id = {.topic = "t", .partition = Partition(i)}, .position = Position(1), .committed = Position(1)});
  }
  worker_.partitions.exchange(rows);
  const obs::Status told = status();
  EXPECT_EQ(told.topics[0].partition_count, 3000);
  EXPECT_EQ(told.topics[0].partitions.size(), StatusKeeper::k_partitions_listed_max);
  EXPECT_EQ(told.partitions_left_out, 1000);
}

TEST_F(StatusKeeperTest, the_history_counts_what_was_read) {
  look();
  worker_.records_received.add(10);
  worker_.record_bytes.add(100);
  now_ += seconds(2);
  look();
  const obs::Status told = status();
  ASSERT_EQ(told.history.points().size(), 1);
  EXPECT_EQ(told.history.points()[0].records, 10);
  EXPECT_EQ(told.history.points()[0].bytes, 100);
}

TEST_F(StatusKeeperTest, the_token_is_nowhere_in_the_json) {
  look();
  const std::string json = obs::status_json(status());
  EXPECT_NE(json.find("(secret)"), std::string::npos);
  EXPECT_EQ(json.find("a-token-of-a-test"), std::string::npos);
}

}  // namespace
}  // namespace penstock::appliance
