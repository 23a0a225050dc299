#include "appliance/cluster_answers.h"

#include <chrono>
#include <vector>

#include <gtest/gtest.h>

#include "rdkafka/mock_cluster.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

constexpr std::chrono::milliseconds k_wait{5000};

Error saying(const char* text) {
  return make_error(ErrorKind::not_found, Action::fatal, text);
}

TEST(ClusterAnswers, what_is_missing_is_told_in_the_order_of_the_questions) {
  rdkafka::ProbeReport report;
  EXPECT_TRUE(unanswered(report).empty());
  report.group_error = saying("group");
  report.logs_error = saying("logs");
  report.topic_errors = {saying("first topic"), saying("second topic")};
  const std::vector<Unanswered> missing = unanswered(report);
  ASSERT_EQ(missing.size(), 4U);
  EXPECT_EQ(missing[0].error.message, "first topic");
  EXPECT_EQ(missing[1].question, Question::topics);
  EXPECT_EQ(missing[2].question, Question::log_ends);
  EXPECT_EQ(missing[3].question, Question::group);
  EXPECT_EQ(missing[3].error.message, "group");
}

TEST(ClusterAnswers, a_topic_that_is_not_there_is_an_error_whatever_is_asked) {
  const auto cluster = rdkafka::MockCluster::start(1);
  ASSERT_TRUE(cluster.ok());
  ASSERT_TRUE((*cluster)->create_topic("orders", 2).ok());
  const auto settings = [&](const std::string& topic) {
    return settings_of("name: test\nsource: {brokers: [\"" + (*cluster)->brokers() + "\"], topics: [" +
                       topic + "]}\nsink: {url: \"null:\"}\n");
  };
  const auto found = ask_cluster(settings("orders").details(), Question::group, k_wait);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->topics.front().partition_count, 2U);
  const auto missing = ask_cluster(settings("refunds").details(), Question::topics, k_wait);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("refunds"), std::string::npos) << missing.error().message;
}

}  // namespace
}  // namespace penstock::appliance
