#include "kafka/stamp_trial.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "unit/wire/script_broker.h"

namespace penstock::kafka {
namespace {

using namespace std::chrono_literals;

constexpr std::int32_t k_generation = 7;

// Gets an assignment at once, and nothing after it.
class GivenMember : public source::Membership {
 public:
  GivenMember(std::atomic<bool>& closed, std::string id) : closed_(closed), id_(std::move(id)) {}

  void poll(std::vector<source::MembershipEvent>& events) override {
    if (!std::exchange(told_, true)) {
      events.push_back(
          {.kind = source::MembershipEvent::Kind::assigned,
           .stamp = {.generation = k_generation, .member_id = id_, .instance_id = std::nullopt}});
    }
  }
  void unassign() override {}
  void close(std::chrono::milliseconds) override { closed_ = true; }

 private:
  std::atomic<bool>& closed_;
  std::string id_;
  bool told_ = false;
};

// No error, and no member of its own error.
std::string left_body() {
  wire::Body out;
  out.writer.int32(0);
  out.writer.int16(0);
  out.writer.array_count(0);
  return out.text();
}

// A coordinator, and what it makes of each commit.
class StampTrialTest : public testing::Test {
 protected:
  using Judge = std::function<std::int16_t(std::int32_t generation, const std::string& member, bool left)>;

  Result<void> try_on(Judge judge, const std::string& instance = {}) {
    closed_ = false;
    joined_ = 0;
    broker_.use([this, judge = std::move(judge)](const wire::Call& call) -> std::optional<wire::Answer> {
      if (call.api == wire::ApiKey::find_coordinator) {
        return wire::Answer{.bytes = wire::coordinator_body(broker_.port())};
      }
      if (call.api == wire::ApiKey::leave_group) {
        closed_ = true;
        return wire::Answer{.bytes = left_body()};
      }
      if (call.api != wire::ApiKey::offset_commit) {
        return std::nullopt;
      }
      wire::ByteReader reader(as_bytes(call.body));
      EXPECT_EQ(reader.string(), "scratch");
      const std::int32_t generation = reader.int32();
      wire::Body out;
      out.writer.int32(0);
      out.writer.array_count(1);
      out.writer.string("orders");
      out.writer.array_count(1);
      out.writer.int32(0);
      out.writer.int16(judge(generation, std::string(reader.string()), closed_));
      return wire::Answer{.bytes = out.text()};
    });
    source::ConsumerOptions options;
    options.brokers = {broker_.address()};
    options.group = "scratch";
    options.group_instance_id = instance;
    const auto loop = std::move(io::make_loop({}, system_clock())).value();
    return try_stale_stamps({.consumer = options,
                             .join = [this]() -> Result<std::unique_ptr<source::Membership>> {
                               return std::unique_ptr<source::Membership>(std::make_unique<GivenMember>(
                                   closed_, ++joined_ == 1 ? "me" : "successor"));
                             },
                             .partition = {"orders", Partition{0}},
                             .patience = 20s},
                            *loop, system_clock());
  }

  std::atomic<bool> closed_ = false;
  std::atomic<int> joined_ = 0;
  wire::ScriptBroker broker_{nullptr};
};

constexpr std::int16_t k_illegal_generation = 22;
constexpr std::int16_t k_unknown_member = 25;

// As Kafka does it.
std::int16_t strict(std::int32_t generation, const std::string& member, bool left) {
  if (left || member != "me") {
    return k_unknown_member;
  }
  return generation == k_generation ? std::int16_t{0} : k_illegal_generation;
}

TEST_F(StampTrialTest, a_coordinator_that_refuses_the_past_is_good) {
  const Result<void> tried = try_on(strict);
  EXPECT_TRUE(tried.ok()) << tried.error().message;
  EXPECT_TRUE(closed_);
  EXPECT_EQ(broker_.count(wire::ApiKey::offset_commit), 4U);
}

TEST_F(StampTrialTest, a_coordinator_that_takes_any_of_it_is_told) {
  struct Case {
    const char* told;
    Judge judge;
  };
  const Case cases[] = {
      {"a former generation",
       [](std::int32_t, const std::string& member, bool left) { return strict(k_generation, member, left); }},
      {"a member that is not in the group",
       [](std::int32_t generation, const std::string&, bool left) { return strict(generation, "me", left); }},
      {"a member that has left", [](std::int32_t generation, const std::string& member,
                                    bool) { return strict(generation, member, false); }},
  };
  for (const Case& each : cases) {
    const Result<void> tried = try_on(each.judge);
    ASSERT_FALSE(tried.ok()) << each.told;
    EXPECT_EQ(tried.error().kind, ErrorKind::unsupported);
    EXPECT_NE(tried.error().message.find(each.told), std::string::npos) << tried.error().message;
    EXPECT_NE(tried.error().message.find("at_least_once"), std::string::npos) << tried.error().message;
    EXPECT_TRUE(closed_);
  }
}

TEST_F(StampTrialTest, a_coordinator_that_takes_a_fenced_member_is_told) {
  const auto fences = [this](std::int32_t generation, const std::string& member, bool left) {
    return strict(generation,
                  joined_ == 2 && member == "successor" ? "me"
                  : joined_ == 2                        ? ""
                                                        : member,
                  left);
  };
  const Result<void> good = try_on(fences, "instance");
  EXPECT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(joined_, 2);
  EXPECT_EQ(broker_.count(wire::ApiKey::leave_group), 1U);

  const Result<void> tried = try_on(strict, "instance");  // "me" is as good as before
  ASSERT_FALSE(tried.ok());
  EXPECT_NE(tried.error().message.find("whose instance id another one has taken"), std::string::npos)
      << tried.error().message;
}

TEST_F(StampTrialTest, a_commit_that_is_not_allowed_at_all_says_nothing_of_stamps) {
  constexpr std::int16_t k_group_authorization_failed = 30;
  const Result<void> tried =
      try_on([](std::int32_t, const std::string&, bool) { return k_group_authorization_failed; });
  ASSERT_FALSE(tried.ok());
  EXPECT_NE(tried.error().kind, ErrorKind::unsupported);
  EXPECT_NE(tried.error().message.find("scratch group scratch"), std::string::npos) << tried.error().message;
}

}  // namespace
}  // namespace penstock::kafka
