#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <penstock/penstock.h>

#include "base/unique_fd.h"
#include "rdkafka/mock_cluster.h"

namespace penstock {
namespace {

class ApplianceTest : public testing::Test {
 protected:
  ApplianceTest() {
    root_ = testing::TempDir() + "/penstock-appliance-XXXXXX";
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
  }
  ~ApplianceTest() override { std::filesystem::remove_all(root_); }

  Settings settings(const std::string& brokers, const std::string& sink, const std::string& more = "",
                    const std::string& more_of_source = "") {
    auto made = Settings::parse(
        "name: test\nsource: {brokers: [\"" + brokers + "\"], topics: [orders]" + more_of_source +
            "}\nsink: {url: \"" + sink + "\"}\nstage: {dir: \"" + root_ +
            "/stage\", max_bytes: 256MiB}\nadmin: {listen: none}\nlog: {level: error}\n" + more,
        "x.yaml");
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    return std::move(made).value();
  }

  std::string root_;
};

TEST_F(ApplianceTest, stopped_before_it_runs_it_ends_at_once_with_nothing) {
  Appliance appliance(settings("127.0.0.1:1", "null:"));
  appliance.stop();
  EXPECT_EQ(appliance.not_ready(), "draining");
  const Result<Summary> outcome = appliance.run();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->counters.records, 0U);
  EXPECT_GT(outcome->peak_rss_bytes, 0U);
}

TEST_F(ApplianceTest, stopped_while_it_waits_for_brokers_it_ends) {
  // A broker that goes away as soon as somebody has come: then it waits.
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  Appliance appliance(settings("127.0.0.1:" + std::to_string(ntohs(address.sin_port)), "null:"));
  EXPECT_EQ(appliance.not_ready(), "waiting for the brokers");
  std::thread other([&] {
    const UniqueFd connection(::accept(listener.get(), nullptr, nullptr));
    EXPECT_TRUE(connection.valid());
    listener.reset();
    appliance.leave_now();
  });
  EXPECT_TRUE(appliance.run().ok());
  other.join();
}

TEST_F(ApplianceTest, a_sink_that_cannot_be_written_to_ends_it_before_anything_is_read) {
  Appliance appliance(settings("127.0.0.1:1", "file:///dev/null/lake"));
  const Result<Summary> outcome = appliance.run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_NE(outcome.error().message.find("/dev/null/lake"), std::string::npos) << outcome.error().message;
}

class ApplianceOnMockTest : public ApplianceTest {
 protected:
  void SetUp() override {
    auto started = rdkafka::MockCluster::start(1);
    ASSERT_TRUE(started.ok());
    cluster_ = std::move(*started);
    ASSERT_TRUE(cluster_->create_topic("orders", 3).ok());
    auto producer = rdkafka::Producer::create(cluster_->brokers());
    ASSERT_TRUE(producer.ok());
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE((*producer)->offer("orders", Partition{i % 3}, {}, "record " + std::to_string(i)).ok());
    }
    ASSERT_TRUE((*producer)->flush(std::chrono::seconds(10)));
  }

  // To the end of the log; what has landed agrees with what was counted.
  void run_to_the_end(const std::string& more, const std::string& more_of_source) {
    Appliance appliance(settings(cluster_->brokers(), "file://" + root_ + "/lake", more, more_of_source));
    int started = 0;
    const Result<Summary> outcome = appliance.run({.exit_at_end = true, .started = [&] { ++started; }});
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_EQ(started, 1);
    EXPECT_EQ(outcome->counters.lag_records, 0U);
    ASSERT_EQ(outcome->counters.topics.size(), 1U);
    EXPECT_EQ(outcome->counters.topics[0].records, outcome->counters.records);
    EXPECT_EQ(outcome->counters.topics[0].blobs, outcome->counters.blobs);
    std::uint64_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_ + "/lake/orders")) {
      if (entry.is_regular_file() && entry.path().extension() == ".txt") {
        ++files;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
          ++lines_;
          records_.insert(line);
        }
      }
    }
    EXPECT_EQ(lines_, outcome->counters.records);
    EXPECT_EQ(files, outcome->counters.blobs);
    EXPECT_EQ(records_.size(), 300U);
    EXPECT_TRUE(records_.contains("record 299"));
  }

  std::unique_ptr<rdkafka::MockCluster> cluster_;
  std::uint64_t lines_ = 0;
  std::set<std::string> records_;
};

// At least once: the mock cluster refuses commits while a group rebalances, and a second worker that joins
// more than the mock's three seconds after the first has it rebalance.
TEST_F(ApplianceOnMockTest, what_was_produced_lands_is_counted_and_it_ends_at_the_end) {
  run_to_the_end("guarantee: at_least_once\nruntime: {workers: 2, memory: 256MiB}\n", ", fetch: librdkafka");
}

TEST_F(ApplianceOnMockTest, fetched_directly_and_claimed_each_record_lands_once) {
  run_to_the_end("runtime: {workers: 1, memory: 256MiB}\n", ", fence_wait: 500ms");
  EXPECT_EQ(lines_, 300U);
}

}  // namespace
}  // namespace penstock
