#include "registry/subject_versions.h"

#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/table_text.h"
#include "unit/registry/ids.h"

namespace penstock::registry {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::string record_of(const std::string& fields) {
  return R"({"type":"record","name":"R","fields":[)" + fields + "]}";
}

Verdict found(const std::string& text) {
  return {.outcome = SchemaOutcome::found,
          .schema = std::make_shared<const codec::RegisteredSchema>(
              codec::RegisteredSchema::of_avro(text).value())};
}

class SubjectVersionsTest : public testing::Test {
 protected:
  SubjectVersions make() {
    return SubjectVersions(
        {.place = "the registry R", .patience = minutes(10), .columns = [this](const auto& topic) {
           return topic == "lines" ? VersionColumns{} : VersionColumns{.table = tables_.of(topic)};
         }});
  }
  // What the registry has of each subject, answered until nothing is asked.
  std::vector<std::string> serve(SubjectVersions& versions) {
    std::vector<std::string> asked;
    while (const auto question = versions.to_ask(now_)) {
      asked.push_back(question->topic + (question->version ? " " + std::to_string(*question->version) : ""));
      if (!question->version) {
        std::vector<std::uint64_t> all(registered_.size());
        std::iota(all.begin(), all.end(), 1);
        versions.answered(*question, {.outcome = SchemaOutcome::found, .versions = std::move(all)}, now_, 0);
      } else {
        versions.answered(*question, found(registered_[*question->version - 1]), now_, 0);
      }
    }
    return asked;
  }
  std::string columns(const std::string& topic) { return codec::tree_text(*tables_.of(topic)->now(), ""); }

  format::TopicTables tables_;
  MonoTime now_ = MonoTime{} + seconds(100);
  std::vector<std::string> registered_{
      record_of(R"({"name":"a","type":"int"})"),
      record_of(R"({"name":"a","type":"string"},{"name":"b","type":"long"})"),
      record_of(R"({"name":"b","type":"int"},{"name":"a","type":"long"})")};
};

TEST_F(SubjectVersionsTest, columns_are_those_of_the_versions_in_their_order_whichever_comes_first) {
  for (std::uint8_t first = 1; first <= 3; ++first) {
    const std::string topic = "orders" + std::to_string(first);
    SubjectVersions versions = make();
    EXPECT_FALSE(versions.has(topic, id_of(first), now_));
    EXPECT_EQ(versions.waiting().count(topic), 1U);
    EXPECT_EQ(serve(versions), (std::vector<std::string>{topic, topic + " 1", topic + " 2", topic + " 3"}));
    EXPECT_TRUE(versions.has(topic, id_of(first), now_));
    EXPECT_TRUE(versions.waiting().empty());
    EXPECT_EQ(columns(topic), "a  int64\nb  int64\n");
  }
}

TEST_F(SubjectVersionsTest, a_new_id_makes_those_versions_be_taken_that_came_since) {
  SubjectVersions versions = make();
  EXPECT_FALSE(versions.has("orders", id_of(1), now_));
  serve(versions);
  registered_.push_back(record_of(R"({"name":"c","type":"int"})"));
  registered_.push_back(record_of(R"({"name":"c","type":"string"})"));
  EXPECT_FALSE(versions.has("orders", id_of(5), now_));
  EXPECT_EQ(serve(versions), (std::vector<std::string>{"orders", "orders 4", "orders 5"}));
  EXPECT_TRUE(versions.has("orders", id_of(5), now_));
  EXPECT_EQ(columns("orders"), "a  int64\nb  int64\nc  int32\n");

  SubjectVersions of_another_worker = make();
  EXPECT_FALSE(of_another_worker.has("orders", id_of(1), now_));
  EXPECT_EQ(serve(of_another_worker), std::vector<std::string>{"orders"}) << "the table has them";
}

TEST_F(SubjectVersionsTest, an_id_that_comes_while_they_are_asked_for_makes_them_be_asked_for_again) {
  SubjectVersions versions = make();
  EXPECT_FALSE(versions.has("orders", id_of(1), now_));
  const auto question = versions.to_ask(now_);
  ASSERT_TRUE(question);
  EXPECT_FALSE(versions.has("orders", id_of(2), now_));
  versions.answered(*question, {.outcome = SchemaOutcome::found, .versions = {1}}, now_, 0);
  EXPECT_EQ(serve(versions), (std::vector<std::string>{"orders 1", "orders", "orders 2", "orders 3"}));
  EXPECT_TRUE(versions.has("orders", id_of(1), now_));
  EXPECT_TRUE(versions.has("orders", id_of(2), now_));
}

TEST_F(SubjectVersionsTest, what_is_not_there_or_not_to_be_seen_is_not_waited_for) {
  for (const Verdict& verdict :
       {Verdict{.outcome = SchemaOutcome::unknown},
        Verdict{.outcome = SchemaOutcome::refused, .message = "403", .is_forbidden = true}}) {
    SubjectVersions versions = make();
    EXPECT_FALSE(versions.has("orders", id_of(1), now_));
    versions.answered(*versions.to_ask(now_), verdict, now_, 0);
    EXPECT_TRUE(versions.has("orders", id_of(1), now_));
    EXPECT_FALSE(versions.to_ask(now_)) << "nothing more is asked";
  }
  SubjectVersions versions = make();
  EXPECT_TRUE(versions.has("lines", id_of(1), now_)) << "a topic without columns";
  EXPECT_FALSE(versions.to_ask(now_));
}

TEST_F(SubjectVersionsTest, a_version_that_cannot_be_used_is_passed_over) {
  SubjectVersions versions = make();
  EXPECT_FALSE(versions.has("orders", id_of(1), now_));
  versions.answered(*versions.to_ask(now_), {.outcome = SchemaOutcome::found, .versions = {1, 2, 3}}, now_,
                    0);
  versions.answered(*versions.to_ask(now_), {.outcome = SchemaOutcome::unusable, .message = "is PROTOBUF"},
                    now_, 0);
  EXPECT_EQ(serve(versions), (std::vector<std::string>{"orders 2", "orders 3"}));
  EXPECT_EQ(columns("orders"), "a  text\nb  int64\n");
}

TEST_F(SubjectVersionsTest, a_registry_that_is_away_is_waited_for_as_long_as_the_patience) {
  SubjectVersions versions = make();
  const MonoTime begin = now_;
  EXPECT_FALSE(versions.has("orders", id_of(1), now_));
  EXPECT_FALSE(versions.has("payments", id_of(1), now_));
  bool was_told = false;
  while (!versions.waiting().empty()) {
    ASSERT_LT(now_ - begin, minutes(12));
    while (const auto question = versions.to_ask(now_)) {
      versions.answered(*question, {.message = "the registry R answers 503"}, now_, 0);
    }
    const auto waits = versions.waiting().find("orders");
    was_told = was_told || (waits != versions.waiting().end() &&
                            waits->second.reason ==
                                "the versions of orders-value cannot be had: the registry R answers 503");
    now_ = versions.due().value_or(now_);
  }
  EXPECT_GE(now_ - begin, minutes(10));
  EXPECT_TRUE(was_told);
  EXPECT_TRUE(versions.has("orders", id_of(1), now_));
  EXPECT_TRUE(versions.has("orders", id_of(2), now_)) << "not for as long again";
  now_ += minutes(10);
  EXPECT_TRUE(versions.has("orders", id_of(2), now_)) << "what was let through once is for ever";
  EXPECT_FALSE(versions.has("orders", id_of(3), now_));
  EXPECT_EQ(serve(versions).size(), 4U);
}

TEST_F(SubjectVersionsTest, only_the_first_versions_are_taken) {
  SubjectVersions versions = make();
  registered_.resize(SubjectVersions::k_versions_max + 10, registered_.front());
  EXPECT_FALSE(versions.has("orders", id_of(1), now_));
  EXPECT_EQ(serve(versions).size(), 1 + SubjectVersions::k_versions_max);
  EXPECT_TRUE(versions.has("orders", id_of(1), now_));
}

TEST_F(SubjectVersionsTest, after_an_assignment_nobody_waits_and_what_was_asked_for_stays) {
  SubjectVersions versions = make();
  EXPECT_FALSE(versions.has("orders", id_of(1), now_));
  versions.forget_waits();
  EXPECT_TRUE(versions.waiting().empty());
  EXPECT_FALSE(versions.has("orders", id_of(1), now_));
  EXPECT_EQ(versions.waiting().size(), 1U);
  serve(versions);
  EXPECT_TRUE(versions.has("orders", id_of(1), now_));
}

}  // namespace
}  // namespace penstock::registry
