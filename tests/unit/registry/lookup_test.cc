#include "registry/lookup.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec/json_grammar.h"
#include "unit/registry/ids.h"

namespace penstock::registry {
namespace {

using format::SchemaAnswer;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class LookupTest : public testing::Test {
 protected:
  using State = SchemaAnswer::State;

  static Lookup::Options options(std::size_t bytes_max = std::size_t{8} << 20) {
    return {.place = "the registry http://r", .patience = minutes(10), .schemas_bytes_max = bytes_max};
  }
  static Verdict found(const std::string& json = "\"long\"") {
    return {.outcome = SchemaOutcome::found,
            .schema = std::make_shared<const codec::RegisteredSchema>(
                codec::RegisteredSchema::of_avro(json).value())};
  }
  static Verdict unknown() { return {.outcome = SchemaOutcome::unknown}; }
  static Verdict away() { return {.outcome = SchemaOutcome::unavailable, .message = "it answers 503"}; }

  State state(std::string_view topic, std::uint8_t id) { return lookup_->find(topic, id_of(id), now_).state; }
  bool waits(std::string_view topic) const { return lookup_->waiting().contains(topic); }

  // Goes on to when something is due, asks for it, and answers. How long that took.
  Duration answer(std::uint8_t id, Verdict verdict) {
    const MonoTime before = now_;
    const std::optional<MonoTime> due = lookup_->due();
    EXPECT_TRUE(due.has_value());
    now_ = std::max(now_, due.value_or(now_));
    EXPECT_EQ(lookup_->to_ask(now_), id_of(id));
    lookup_->answered(id_of(id), std::move(verdict), now_, 0);
    return now_ - before;
  }

  MonoTime now_{std::chrono::hours(1)};
  std::optional<Lookup> lookup_ = Lookup(options());
};

TEST_F(LookupTest, an_id_is_asked_for_once_whoever_looks_for_it_and_kept_for_ever) {
  EXPECT_EQ(lookup_->due(), std::nullopt);
  EXPECT_EQ(state("orders", 7), State::waits);
  EXPECT_EQ(state("payments", 7), State::waits);
  EXPECT_EQ(lookup_->to_ask(now_), id_of(7));
  EXPECT_EQ(state("orders", 7), State::waits);
  EXPECT_EQ(lookup_->to_ask(now_), std::nullopt);
  EXPECT_TRUE(waits("orders") && waits("payments"));
  EXPECT_EQ(lookup_->waiting().at("orders").reason, "schema 7 is asked for at the registry http://r");
  lookup_->answered(id_of(7), found(), now_, 0);
  EXPECT_TRUE(lookup_->waiting().empty());
  now_ += std::chrono::hours(10'000);
  const SchemaAnswer answer = lookup_->find("orders", id_of(7), now_);
  EXPECT_EQ(answer.state, State::known);
  EXPECT_EQ(answer.schema->avro()->root().type, codec::AvroType::int64);
  EXPECT_EQ(lookup_->to_ask(now_), std::nullopt);
  EXPECT_EQ(lookup_->requests(), (std::array<std::uint64_t, 5>{1, 0, 0, 0, 0}));
}

TEST_F(LookupTest, a_schema_that_is_younger_than_the_replica_is_waited_for) {
  state("orders", 8);
  EXPECT_EQ(answer(8, unknown()), Duration::zero());
  EXPECT_EQ(lookup_->waiting().at("orders").reason, "schema 8 is not known to the registry http://r yet");
  EXPECT_EQ(answer(8, unknown()), seconds(1));
  EXPECT_EQ(answer(8, unknown()), seconds(2));
  EXPECT_EQ(answer(8, found()), seconds(4));
  EXPECT_FALSE(waits("orders"));
  EXPECT_EQ(state("orders", 8), State::known);
}

TEST_F(LookupTest, an_id_that_stays_unknown_is_given_up_exactly_when_patience_ends) {
  const MonoTime begun = now_;
  state("orders", 9);
  while (state("orders", 9) == State::waits) {
    ASSERT_LE(answer(9, unknown()), seconds(30));
  }
  EXPECT_EQ(now_ - begun, minutes(10));
  EXPECT_FALSE(waits("orders"));
  const SchemaAnswer answer = lookup_->find("orders", id_of(9), now_);
  EXPECT_EQ(answer.state, State::none);
  EXPECT_EQ(answer.fault, "schema-unknown: the registry has no schema 9");
}

TEST_F(LookupTest, an_id_that_was_given_up_is_asked_for_once_a_minute_and_nobody_waits_meanwhile) {
  state("orders", 9);
  while (state("orders", 9) == State::waits) {
    answer(9, unknown());
  }
  EXPECT_EQ(lookup_->due(), std::nullopt);
  now_ += seconds(59);
  EXPECT_EQ(state("payments", 9), State::none) << "also of another topic";
  EXPECT_EQ(lookup_->due(), std::nullopt);
  now_ += seconds(1);
  EXPECT_EQ(state("orders", 9), State::none);
  answer(9, away());
  EXPECT_EQ(state("orders", 9), State::none) << "it was given up by an answer, and only another one counts";
  now_ += seconds(60);
  EXPECT_EQ(state("orders", 9), State::none);
  answer(9, found());
  EXPECT_EQ(state("orders", 9), State::known);
}

// Values that are no Avro at all give a new id each.
TEST_F(LookupTest, a_topic_that_has_waited_does_not_wait_again_for_as_long) {
  state("junk", 1);
  while (state("junk", 1) == State::waits) {
    answer(1, unknown());
  }
  const MonoTime given_up = now_;
  for (std::uint8_t id = 2; id < 12; ++id) {
    EXPECT_EQ(state("junk", id), State::waits);
    answer(id, unknown());
    EXPECT_EQ(state("junk", id), State::none) << "by its first answer";
    now_ += seconds(50);
  }
  now_ = given_up + minutes(10);
  state("junk", 20);
  answer(20, unknown());
  EXPECT_EQ(state("junk", 20), State::waits) << "it has patience again";
  state("orders", 21);
  EXPECT_EQ(lookup_->to_ask(now_), id_of(21));
  lookup_->answered(id_of(21), unknown(), now_, 0);
  EXPECT_EQ(state("orders", 21), State::waits) << "each topic has its own";
}

TEST_F(LookupTest, a_registry_that_is_away_is_waited_for_without_an_end) {
  const MonoTime begun = now_;
  state("orders", 7);
  EXPECT_EQ(answer(7, away()), Duration::zero());
  EXPECT_EQ(lookup_->waiting().at("orders").reason, "schema 7 cannot be had: it answers 503");
  EXPECT_EQ(answer(7, away()), milliseconds(500));
  EXPECT_EQ(answer(7, away()), seconds(1));
  while (now_ - begun < std::chrono::hours(50)) {
    ASSERT_LE(answer(7, {.outcome = SchemaOutcome::refused, .message = "401"}), seconds(30));
    ASSERT_EQ(state("orders", 7), State::waits);
  }
  EXPECT_EQ(lookup_->waiting().at("orders").since, begun);
  answer(7, found());
  EXPECT_EQ(state("orders", 7), State::known);
}

TEST_F(LookupTest, an_outage_alone_gives_nothing_up_and_what_the_registry_says_after_it_does) {
  state("orders", 9);
  answer(9, unknown());
  for (const MonoTime begun = now_; now_ - begun < minutes(20);) {
    answer(9, away());
    EXPECT_EQ(state("orders", 9), State::waits);
  }
  answer(9, unknown());
  EXPECT_EQ(state("orders", 9), State::none);
}

TEST_F(LookupTest, while_it_fails_one_request_is_on_its_way_and_each_id_has_its_turn) {
  for (std::uint8_t id = 1; id <= 5; ++id) {
    state("t" + std::to_string(id), id);
  }
  EXPECT_TRUE(lookup_->to_ask(now_).has_value());
  EXPECT_TRUE(lookup_->to_ask(now_).has_value());
  EXPECT_EQ(lookup_->to_ask(now_), std::nullopt) << "no more than two at a time";
  lookup_->answered(id_of(1), away(), now_, 0);
  EXPECT_EQ(lookup_->to_ask(now_), std::nullopt);
  EXPECT_EQ(lookup_->due(), std::nullopt);
  lookup_->answered(id_of(2), away(), now_, 0);
  std::set<codec::SchemaId> asked;
  for (int i = 0; i < 5; ++i) {
    now_ = std::max(now_, lookup_->due().value());
    const std::optional<codec::SchemaId> id = lookup_->to_ask(now_);
    ASSERT_TRUE(id.has_value());
    asked.insert(*id);
    EXPECT_EQ(lookup_->to_ask(now_), std::nullopt);
    lookup_->answered(*id, away(), now_, 0);
  }
  EXPECT_EQ(asked.size(), 5U);
}

TEST_F(LookupTest, the_registrys_own_pause_is_kept_and_chance_makes_pauses_longer) {
  state("orders", 7);
  Verdict busy = away();
  busy.retry_after = seconds(77);
  answer(7, busy);
  EXPECT_EQ(lookup_->due(), now_ + seconds(77));
  now_ += seconds(77);
  ASSERT_TRUE(lookup_->to_ask(now_).has_value());
  lookup_->answered(id_of(7), away(), now_, 1);
  EXPECT_EQ(lookup_->due(), now_ + milliseconds(1250));
}

TEST_F(LookupTest, a_schema_that_cannot_be_used_is_told_at_once_and_never_asked_for_again) {
  state("orders", 7);
  answer(7, {.outcome = SchemaOutcome::unusable,
             .message = "is PROTOBUF, \"and\\not\" Avro\n" + std::string(999, 'x')});
  now_ += std::chrono::hours(1000);
  const SchemaAnswer answer = lookup_->find("orders", id_of(7), now_);
  EXPECT_EQ(answer.state, State::none);
  EXPECT_TRUE(answer.fault.starts_with("schema-unusable: schema 7 is PROTOBUF, 'and?not' Avro?x"))
      << answer.fault;
  EXPECT_EQ(answer.fault.size(), format::k_schema_fault_bytes_max);
  EXPECT_TRUE(codec::follows_json_grammar("\"" + std::string(answer.fault) + "\""));
  EXPECT_EQ(lookup_->due(), std::nullopt);
}

TEST_F(LookupTest, a_topic_waits_until_all_its_ids_are_decided) {
  state("orders", 7);
  state("orders", 8);
  ASSERT_TRUE(lookup_->to_ask(now_) && lookup_->to_ask(now_));
  lookup_->answered(id_of(7), found(), now_, 0);
  EXPECT_TRUE(waits("orders"));
  lookup_->answered(id_of(8), {.outcome = SchemaOutcome::unusable, .message = "is odd"}, now_, 0);
  EXPECT_FALSE(waits("orders"));
}

TEST_F(LookupTest, without_anybody_who_waits_nothing_is_asked_for) {
  state("orders", 7);
  state("orders", 8);
  ASSERT_EQ(lookup_->to_ask(now_), id_of(7));
  lookup_->forget_waits();
  EXPECT_TRUE(lookup_->waiting().empty());
  EXPECT_EQ(lookup_->size(), 1U) << "the one that is on its way";
  lookup_->answered(id_of(7), away(), now_, 0);
  EXPECT_EQ(lookup_->size(), 0U);
  EXPECT_EQ(lookup_->due(), std::nullopt);
  state("orders", 7);
  EXPECT_EQ(lookup_->to_ask(now_), id_of(7));
  lookup_->forget_waits();
  lookup_->answered(id_of(7), found(), now_, 0);
  EXPECT_EQ(state("orders", 7), State::known);
}

// 200 topics with 15 versions each, of 40 columns.
TEST_F(LookupTest, thousands_of_ids_take_as_many_requests_however_often_they_come) {
  constexpr std::uint16_t k_ids = 3'000;
  lookup_.emplace(options(std::size_t{16} << 20));
  const std::string text = R"({"type":"long","doc":")" + std::string(4'000, 'd') + "\"}";
  const auto wide_id = [](std::uint16_t number) {
    codec::SchemaId id = id_of(static_cast<std::uint8_t>(number));
    id.bytes.at(codec::SchemaId::k_bytes - 2) = static_cast<std::uint8_t>(number >> 8);
    return id;
  };
  for (int round = 0; round < 3; ++round) {
    for (std::uint16_t number = 0; number < k_ids; ++number) {
      const codec::SchemaId id = wide_id(number);
      if (lookup_->find("orders", id, now_).state == State::waits) {
        ASSERT_EQ(lookup_->to_ask(now_), id);
        lookup_->answered(id, found(text), now_, 0);
      }
      ASSERT_EQ(lookup_->find("orders", id, now_).schema->written().size(), text.size());
    }
  }
  EXPECT_EQ(lookup_->requests().front(), k_ids);
  EXPECT_EQ(lookup_->evicted(), 0U);
  EXPECT_LE(lookup_->compiled(), k_compiled_bytes_max / (4 * text.size()));
}

TEST_F(LookupTest, ids_by_turns_that_are_too_many_do_not_push_each_other_out_one_and_all) {
  constexpr std::uint8_t k_fit = 10;
  lookup_.emplace(options(k_fit * (k_entry_bytes + 6)));
  int asked = 0;
  for (int round = 0; round < 10; ++round) {
    for (std::uint8_t id = 1; id <= k_fit + 2; ++id) {
      if (state("orders", id) == State::waits) {
        ++asked;
        answer(id, found());
        ASSERT_EQ(state("orders", id), State::known) << "who waited for it gets it";
      }
    }
  }
  EXPECT_EQ(lookup_->size(), std::size_t{k_fit});
  EXPECT_LE(asked, k_fit + 10 * 3);
  EXPECT_GT(lookup_->evicted(), 0U);
}

TEST_F(LookupTest, what_was_not_looked_for_in_long_and_what_is_no_schema_goes_first) {
  lookup_.emplace(options(3 * (k_entry_bytes + 6)));
  for (std::uint8_t id = 1; id <= 3; ++id) {
    state("orders", id);
    answer(id, found());
    state("orders", id);
  }
  now_ += k_stale;
  for (const std::uint8_t id : std::vector<std::uint8_t>{1, 3}) {
    EXPECT_EQ(state("orders", id), State::known);
  }
  state("orders", 4);
  answer(4, found());
  for (const std::uint8_t id : std::vector<std::uint8_t>{1, 3, 4}) {
    EXPECT_EQ(state("orders", id), State::known);
  }
  state("orders", 5);
  answer(5, {.outcome = SchemaOutcome::unusable, .message = "is odd"});
  EXPECT_EQ(state("orders", 5), State::none);
  state("orders", 6);
  answer(6, found());
  EXPECT_EQ(state("orders", 5), State::waits);
  EXPECT_EQ(state("orders", 3), State::known);
}

TEST_F(LookupTest, what_an_open_file_has_stays) {
  lookup_.emplace(options(1));
  state("orders", 1);
  answer(1, found());
  const SchemaAnswer held = lookup_->find("orders", id_of(1), now_);
  for (std::uint8_t id = 2; id < 9; ++id) {
    state("orders", id);
    answer(id, found());
    EXPECT_EQ(state("orders", id), State::known);
  }
  EXPECT_EQ(state("orders", 1), State::known);
  EXPECT_EQ(lookup_->size(), 2U);
}

TEST_F(LookupTest, what_is_asked_ahead_is_on_its_way_once_and_nobody_waits_for_it) {
  state("orders", 1);
  for (std::uint8_t id = 1; id <= 3; ++id) {
    lookup_->ask_ahead("orders", id_of(id), now_);
    lookup_->ask_ahead("payments", id_of(id), now_);
  }
  EXPECT_EQ(lookup_->size(), 3U);
  EXPECT_FALSE(waits("payments"));
  EXPECT_EQ(lookup_->to_ask(now_), id_of(1));
  EXPECT_EQ(lookup_->to_ask(now_), id_of(2));
  EXPECT_EQ(lookup_->to_ask(now_), std::nullopt) << "no more than two at a time";
  lookup_->answered(id_of(1), found(), now_, 0);
  EXPECT_FALSE(waits("orders")) << "the others are not waited for";
  EXPECT_EQ(lookup_->to_ask(now_), id_of(3));
  lookup_->answered(id_of(2), found(), now_, 0);
  lookup_->answered(id_of(3), unknown(), now_, 0);
  EXPECT_EQ(state("orders", 2), State::known);
  EXPECT_EQ(lookup_->size(), 2U) << "what is unknown is asked for when somebody waits for it";
  EXPECT_EQ(lookup_->waits(), 1U);
}

}  // namespace
}  // namespace penstock::registry
