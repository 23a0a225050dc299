// Topics whose values name their schemas by an id: one that waits for a schema holds up no other, and each
// record lands once, decoded or as it came.
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "format/schema_source.h"
#include "unit/pipeline/worker_fixture.h"

namespace penstock::pipeline {
namespace {

// Knows the ids that it is told of. The others wait, unless they are given up.
struct FakeSchemas final : format::SchemaSource {
  struct Told {
    std::set<std::uint8_t> known;
    std::set<std::uint8_t> given_up;
    std::map<std::string, format::SchemaWait, std::less<>> waits;
    std::map<std::string, std::set<std::uint8_t>> ids;  // of waits
    std::set<std::uint8_t> ahead;                       // asked for before anybody waits for them
    int forgotten = 0;
  };
  FakeSchemas(Told& told, const Clock& clock) : told_(told), clock_(clock) {}

  format::SchemaAnswer find(std::string_view topic, const codec::SchemaId& id) override {
    using State = format::SchemaAnswer::State;
    if (told_.known.contains(id.bytes.back())) {
      return {.state = State::known, .schema = text_};
    }
    if (told_.given_up.contains(id.bytes.back())) {
      return {.state = State::none, .fault = "schema-unknown: it is not there"};
    }
    told_.waits.try_emplace(std::string(topic), format::SchemaWait{clock_.now(), "it is away"});
    told_.ids[std::string(topic)].insert(id.bytes.back());
    return {.state = State::waits};
  }
  void ask_ahead(std::string_view /*topic*/, const codec::SchemaId& id) override {
    told_.ahead.insert(id.bytes.back());
  }
  const std::map<std::string, format::SchemaWait, std::less<>>& waiting() override {
    std::erase_if(told_.waits, [this](const auto& wait) {
      std::erase_if(told_.ids[wait.first], [this](std::uint8_t id) {
        return told_.known.contains(id) || told_.given_up.contains(id);
      });
      return told_.ids[wait.first].empty();
    });
    return told_.waits;
  }
  void forget_waits() override {
    ++told_.forgotten;
    told_.waits.clear();
    told_.ids.clear();
  }
  std::array<std::uint64_t, k_schema_outcomes> requests() const override { return {3, 1, 0, 0, 2}; }

 private:
  Told& told_;
  const Clock& clock_;
  std::shared_ptr<const codec::RegisteredSchema> text_ =
      std::make_shared<const codec::RegisteredSchema>(codec::RegisteredSchema::of_avro("\"string\"").value());
};

class WorkerSchemasTest : public WorkerTest {
 protected:
  WorkerSchemasTest() {
    turn_ = milliseconds(50);
    options_.plan_for = [this](const std::string& topic) -> Result<TopicPlan> {
      TopicPlan plan;
      plan.topic = topic;
      plan.max_age = max_age_;
      plan.max_bytes = max_bytes_;
      plan.format.rows = format::RowFormat::envelope;
      plan.envelope_fields = EnvelopeFields::none().with(EnvelopeField::value);
      plan.decoding = std::make_shared<const format::ValueDecoding>(
          format::ValueDecoding{.schema = nullptr, .framing = codec::SchemaFraming::confluent});
      plan.path = codec::PathTemplate::parse("{topic}").value();
      return plan;
    };
    options_.make_schemas = [this](io::Loop&) -> Result<std::unique_ptr<format::SchemaSource>> {
      return std::unique_ptr<format::SchemaSource>(std::make_unique<FakeSchemas>(schemas_, clock_));
    };
    const auto make_store = options_.make_store;
    options_.make_store = [this, make_store](io::Loop& loop) {
      auto store = make_store(loop);
      store_->script.on_published = [this](const std::string& name) {
        strip(store_->blobs[name].bytes);
        read_blob(name);
      };
      return store;
    };
    assign_all();
  }

  // Behind the id, and as a string of Avro.
  void write(const TopicPartition& id, std::uint8_t schema, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string text = id.topic + " " + std::to_string(id.partition.value) + " " +
                               std::to_string(cluster_.logs[id].end.value) + " ";
      const std::string head{
          '\0', '\0', '\0', '\0', static_cast<char>(schema), static_cast<char>(2 * text.size())};
      cluster_.append(id, head + text);
    }
  }

  // Rows become their values again. What was not decoded has its text in base64 at the end.
  void strip(std::string& bytes) {
    constexpr std::string_view k_value = "{\"value\":\"";
    std::string lines;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::string line = bytes.substr(at, bytes.find('\n', at) - at);
      at += line.size() + 1;
      if (line.starts_with(k_value)) {
        lines += line.substr(k_value.size(), line.size() - k_value.size() - 2) + "\n";
        continue;
      }
      EXPECT_TRUE(line.starts_with("{\"decode_error\":\"schema-unknown: it is not there\"")) << line;
      constexpr std::string_view k_base64 = "\"value_base64\":\"";
      const std::size_t begin = line.find(k_base64) + k_base64.size();
      const auto value = base64_decode(line.substr(begin, line.size() - begin - 2)).value();
      lines += std::string(as_text(value)).substr(6) + "\n";
      ++undecoded_;
    }
    bytes = lines;
  }

  // The disk is a real one.
  static std::function<bool(FakeSource&)> unhurried(std::function<bool()> reached) {
    return [reached = std::move(reached)](FakeSource&) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      return reached();
    };
  }
  bool committed(const TopicPartition& id) { return cluster_.committed_of(id) == cluster_.logs[id].end; }

  FakeSchemas::Told schemas_{.known = {1}, .given_up = {}, .waits = {}, .ids = {}, .ahead = {}};
  int undecoded_ = 0;
};

TEST_F(WorkerSchemasTest, a_topic_waits_where_its_schema_is_not_known_and_the_others_go_on) {
  write(at("new", 0), 1, 30);
  write(at("new", 0), 2, 30);
  write(at("new", 0), 1, 150);
  write(at("new", 1), 1, 30);
  write(at("old", 0), 1, 500);
  then(unhurried(
           [this] { return committed(at("old", 0)) && cluster_.committed_of(at("new", 0)) == Position{30}; }),
       [this](FakeSource&) { write(at("old", 0), 1, 50); });
  then(unhurried([this] {
         return committed(at("old", 0)) && metrics_.topics_without_schema.value() == 1 &&
                worker_->not_ready().find("topic new waits for a schema: it is away") != std::string::npos;
       }),
       [this](FakeSource&) {
         EXPECT_EQ(cluster_.committed_of(at("new", 0)), Position{30});
         EXPECT_EQ(metrics_.registry_requests[SchemaOutcome::unavailable].value(), 2U);
         schemas_.known.insert(2);
       });
  then_stop([this](FakeSource&) { return all_committed() && worker_->not_ready().empty(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  EXPECT_EQ(undecoded_, 0);
  EXPECT_EQ(metrics_.topics_without_schema.value(), 0);
}

// All of them are there with the first: so the topic waits once, and not for each.
TEST_F(WorkerSchemasTest, the_schemas_of_all_records_at_hand_are_asked_for_at_once) {
  write(at("new", 0), 1, 3);
  for (std::uint8_t schema = 2; schema < 12; ++schema) {
    write(at("new", 0), schema, 2);
  }
  then(unhurried([this] { return !schemas_.waits.empty(); }), [this](FakeSource&) {
    EXPECT_EQ(schemas_.ids.at("new"), std::set<std::uint8_t>{2});
    EXPECT_EQ(schemas_.ahead, (std::set<std::uint8_t>{2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
    schemas_.known = schemas_.ahead;
    schemas_.known.insert(1);
  });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  EXPECT_EQ(undecoded_, 0);
}

// Its records are still there when the answer comes. Held, they would be fetched anew.
TEST_F(WorkerSchemasTest, a_topic_that_waits_for_a_moment_keeps_its_place) {
  turn_ = milliseconds(1);
  write(at("new", 0), 1, 3);
  write(at("new", 0), 2, 5);
  int holds = 0;
  then(unhurried([this] { return !schemas_.waits.empty(); }), [this, &holds](FakeSource& source) {
    holds = source.holds;
    schemas_.known.insert(2);
  });
  then([this](FakeSource&) { return all_committed(); },
       [&holds](FakeSource& source) { EXPECT_EQ(source.holds, holds); });
  then_stop([](FakeSource&) { return true; });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
}

TEST_F(WorkerSchemasTest, what_is_given_up_lands_as_it_came) {
  write(at("new", 0), 1, 3);
  write(at("new", 0), 2, 5);
  write(at("new", 0), 1, 3);
  then(unhurried([this] { return !schemas_.waits.empty(); }),
       [this](FakeSource&) { schemas_.given_up.insert(2); });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  EXPECT_EQ(undecoded_, 5);
  EXPECT_EQ(metrics_.undecoded_values.value(), 5U);
}

TEST_F(WorkerSchemasTest, a_stop_ends_with_a_topic_that_waits_and_commits_what_was_framed) {
  write(at("new", 0), 1, 7);
  write(at("new", 0), 2, 5);
  write(at("old", 0), 1, 9);
  then_stop(unhurried([this] { return !schemas_.waits.empty(); }));
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(cluster_.committed_of(at("new", 0)), Position{7});
  EXPECT_EQ(landed_[at("new", 0)].size(), 7U);
}

TEST_F(WorkerSchemasTest, a_topic_of_which_nothing_is_known_opens_no_batch) {
  write(at("new", 0), 2, 5);
  then(unhurried([this] { return !schemas_.waits.empty(); }),
       [this](FakeSource&) { EXPECT_EQ(metrics_.open_batches.value(), 0); });
  then_stop(unhurried([] { return true; }));
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(blobs_, 0);
  EXPECT_EQ(cluster_.committed_of(at("new", 0)), Position{0});
}

TEST_F(WorkerSchemasTest, a_rebalance_ends_the_wait_and_the_next_assignment_begins_anew) {
  write(at("new", 0), 1, 3);
  write(at("new", 0), 2, 5);
  then(unhurried([this] { return !schemas_.waits.empty(); }),
       [](FakeSource& source) { source.revoke(source::RevokeReason::rebalance); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) {
         EXPECT_GE(schemas_.forgotten, 1);
         EXPECT_EQ(cluster_.committed_of(at("new", 0)), Position{3});
         source.assign({at("new", 0)});
       });
  then(unhurried([this] { return !schemas_.waits.empty(); }),
       [this](FakeSource&) { schemas_.known.insert(2); });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
}

}  // namespace
}  // namespace penstock::pipeline
