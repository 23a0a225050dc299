#include "appliance/check.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/clock.h"
#include "format/blob_metadata.h"
#include "io/loop.h"
#include "lake/directory_store.h"
#include "rdkafka/mock_cluster.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

class CheckTest : public testing::Test {
 protected:
  CheckTest() {
    root_ = testing::TempDir() + "/penstock-check-XXXXXX";
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
  }
  ~CheckTest() override { std::filesystem::remove_all(root_); }

  CheckReport check(const std::string& brokers, const std::string& sink, const std::string& more = "") const {
    const Settings settings =
        settings_of("name: test\nsource: {brokers: [\"" + brokers +
                    "\"], topics: [orders], instance: none}\nsink: {url: \"" + sink + "\"}\nstage: {dir: \"" +
                    root_ + "/stage\", max_bytes: 256MiB}\nadmin: {listen: \"127.0.0.1:0\"}\n" + more);
    return check_deployment(settings.details(), k_sample_price);
  }

  std::string root_;
};

const CheckRow* row_of(const CheckReport& report, const std::string& name) {
  const auto found = std::find_if(report.rows.begin(), report.rows.end(),
                                  [&](const CheckRow& row) { return row.name == name; });
  return found == report.rows.end() ? nullptr : &*found;
}

TEST_F(CheckTest, what_the_service_needs_is_tried_and_what_is_there_is_told) {
  const auto cluster = rdkafka::MockCluster::start(1);
  ASSERT_TRUE(cluster.ok());
  ASSERT_TRUE((*cluster)->create_topic("orders", 1).ok());
  const CheckReport report = check((*cluster)->brokers(), "file://" + root_ + "/lake");
  for (const char* name : {"stage", "stage room", "io", "fetch", "kafka dns", "kafka tcp", "kafka tls",
                           "kafka versions", "kafka login", "brokers", "topic", "group", "commit round trip",
                           "stale stamp", "memory", "sink", "admin"}) {
    const CheckRow* row = row_of(report, name);
    ASSERT_NE(row, nullptr) << name;
    const bool in_memory = row->text.find("tmpfs") != std::string::npos;  // of the machine's /tmp
    EXPECT_EQ(row->severity, in_memory ? CheckSeverity::warning : CheckSeverity::ok)
        << name << ": " << row->text;
  }
  EXPECT_TRUE(report.all_ok());
  EXPECT_TRUE(std::filesystem::is_empty(root_)) << "it leaves neither a stage nor a lake";
  EXPECT_EQ(row_of(report, "topic")->text, "orders, 1 partition");
  EXPECT_EQ(row_of(report, "memory")->text.rfind("1 worker with ", 0), 0U) << row_of(report, "memory")->text;
}

TEST_F(CheckTest, one_fault_does_not_keep_the_others_from_being_tried) {
  const auto cluster = rdkafka::MockCluster::start(1);
  ASSERT_TRUE(cluster.ok());
  const CheckReport report = check((*cluster)->brokers(), "file:///dev/null/lake");
  EXPECT_FALSE(report.all_ok());
  ASSERT_NE(row_of(report, "topic"), nullptr);
  EXPECT_EQ(row_of(report, "topic")->severity, CheckSeverity::fault);
  EXPECT_NE(row_of(report, "topic")->text.find("orders"), std::string::npos);
  ASSERT_NE(row_of(report, "sink"), nullptr);
  EXPECT_EQ(row_of(report, "sink")->severity, CheckSeverity::fault);
  EXPECT_NE(row_of(report, "sink")->text.find("/dev/null/lake"), std::string::npos);
  EXPECT_NE(row_of(report, "stage")->severity, CheckSeverity::fault);
}

TEST_F(CheckTest, files_of_a_group_without_positions_are_a_warning) {
  const auto cluster = rdkafka::MockCluster::start(1);
  ASSERT_TRUE(cluster.ok());
  ASSERT_TRUE((*cluster)->create_topic("orders", 1).ok());
  const auto put = [this](const std::string& name, const std::string& group) {
    const auto loop = io::make_loop({.choice = io::Choice::portable}, system_clock());
    const auto store = lake::DirectoryBlobStore::create(root_ + "/lake", **loop);
    ASSERT_TRUE(store.ok()) << store.error().message;
    format::BlobMetadata metadata;
    metadata.group = group;
    metadata.topic = "orders";
    metadata.ranges = {{Partition{0}, {Position{0}, Position{1}}}};
    bool done = false;
    (*store)->put_blob(name, {}, format::to_metadata(metadata), [&](const Result<void>& result) {
      EXPECT_TRUE(result.ok());
      done = true;
    });
    while (!done) {
      (*loop)->run_once(std::chrono::milliseconds(10));
    }
  };
  put("a.txt", "another-group");
  EXPECT_EQ(row_of(check((*cluster)->brokers(), "file://" + root_ + "/lake", "guarantee: at_least_once\n"),
                   "position"),
            nullptr);
  put("b.txt", "penstock-test");
  const CheckReport report =
      check((*cluster)->brokers(), "file://" + root_ + "/lake", "guarantee: at_least_once\n");
  const CheckRow* row = row_of(report, "position");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->severity, CheckSeverity::warning);
  EXPECT_NE(row->text.find("b.txt"), std::string::npos) << row->text;
  EXPECT_TRUE(report.all_ok()) << "the topic may have been made anew on purpose";
}

}  // namespace
}  // namespace penstock::appliance
