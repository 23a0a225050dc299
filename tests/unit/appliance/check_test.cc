#include "appliance/check.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

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
        settings_of("name: test\nsource: {brokers: [\"" + brokers + "\"], topics: [orders]}\nsink: {url: \"" +
                    sink + "\"}\nstage: {dir: \"" + root_ + "/stage\", max_bytes: 256MiB}\n" + more);
    return check_deployment(settings.details());
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
  for (const char* name : {"stage", "stage room", "io", "fetch", "brokers", "topic", "group", "exactly once",
                           "memory", "sink"}) {
    const CheckRow* row = row_of(report, name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(row->severity, CheckSeverity::ok) << name << ": " << row->text;
  }
  EXPECT_TRUE(report.all_ok());
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
  EXPECT_EQ(row_of(report, "stage")->severity, CheckSeverity::ok);
}

}  // namespace
}  // namespace penstock::appliance
