#include "wire/cluster_client.h"

#include <atomic>
#include <memory>
#include <optional>

#include "unit/io/loop_fixture.h"
#include "unit/wire/script_broker.h"

namespace penstock::wire {
namespace {

using io::Choice;
using io::choice_name;
std::uint16_t closed_port() {
  std::uint16_t port = 0;
  StreamServer::listening(port);
  return port;
}

class ClusterClientTest : public io::LoopTest {
 protected:
  std::unique_ptr<ClusterClient> client(const std::vector<std::string>& brokers) {
    auto made = ClusterClient::make(*loop, system_clock(), brokers,
                                    {.client_id = "test", .tls = {}, .credential = {}});
    EXPECT_TRUE(made.ok());
    return std::move(made).value();
  }

  Result<ClusterView> leaders_of(ClusterClient& cluster, const std::vector<std::string>& topics) {
    std::optional<Result<ClusterView>> got;
    cluster.ask_leaders(topics, [&](Result<ClusterView> view) { got = std::move(view); });
    run_until([&] { return got.has_value(); });
    return *std::move(got);
  }
};

TEST_P(ClusterClientTest, tells_who_leads_what_and_which_topics_are_refused) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    if (call.api != ApiKey::metadata) {
      return std::nullopt;
    }
    return Answer{.bytes = metadata_body({{4, 9000}}, {{"a", 0, 4, 7, 0, "00112233445566778899aabbccddeeff"},
                                                       {"a", 1, -1, 3},
                                                       {"a", 2, -1, 3, 0, "", 72},
                                                       {"a", 3, 5, 3},
                                                       {"b", 0, 0, 0, 29}})};
  });
  const auto cluster = client({broker.address()});
  const auto view = leaders_of(*cluster, {"a", "b"});
  ASSERT_TRUE(view.ok());
  ASSERT_EQ(view->leaders.size(), 1U) << "a partition without a leader is none of them";
  const PartitionLeader& leader = view->leaders.at({"a", Partition{0}});
  EXPECT_EQ(leader.broker, (BrokerAddress{BrokerId{4}, "127.0.0.1", 9000}));
  EXPECT_EQ(leader.epoch, 7);
  EXPECT_EQ(view->topic_errors.size(), 1U) << "a topic that is fine is none of them";
  EXPECT_EQ(view->topic_errors.at("b"), ErrorCode::topic_authorization_failed);
  ASSERT_EQ(view->partition_errors.size(), 3U);
  EXPECT_EQ(view->partition_errors.at({"a", Partition{1}}), ErrorCode::leader_not_available);
  EXPECT_EQ(view->partition_errors.at({"a", Partition{2}}), ErrorCode::listener_not_found);
  EXPECT_EQ(view->partition_errors.at({"a", Partition{3}}), ErrorCode::leader_not_available)
      << "its leader is a broker that the answer does not name";
  ASSERT_EQ(view->topic_ids.size(), 1U) << "an id of zeros is none";
  EXPECT_EQ(view->topic_ids.at("a"), "00112233445566778899aabbccddeeff");
}

TEST_P(ClusterClientTest, the_brokers_that_the_cluster_names_are_asked_when_the_configured_one_is_down) {
  ScriptBroker second([&](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::metadata) {
      return Answer{.bytes = metadata_body({{2, second.port()}}, {})};
    }
    return call.api == ApiKey::find_coordinator ? std::optional(Answer{.bytes = coordinator_body(7000)})
                                                : std::nullopt;
  });
  auto first = std::make_unique<ScriptBroker>([&](const Call& call) -> std::optional<Answer> {
    // A broker with an address that nobody can use is passed over.
    return call.api == ApiKey::metadata
               ? std::optional(Answer{.bytes = metadata_body({{1, 0}, {2, second.port()}}, {})})
               : std::nullopt;
  });
  const auto cluster = client({first->address()});
  EXPECT_TRUE(leaders_of(*cluster, {}).ok());
  EXPECT_EQ(second.connections(), 0) << "the configured one comes first";
  first.reset();
  EXPECT_FALSE(leaders_of(*cluster, {}).ok());
  std::optional<Result<BrokerAddress>> got;
  cluster->find_coordinator("g", [&](Result<BrokerAddress> found) { got = std::move(found); });
  run_until([&] { return got.has_value(); });
  ASSERT_TRUE(got->ok()) << got->error().message;
  EXPECT_EQ((*got)->port, 7000);
  EXPECT_TRUE(leaders_of(*cluster, {}).ok());
  EXPECT_EQ(second.connections(), 1);
}

TEST_P(ClusterClientTest, turns_away_from_a_broker_that_talks_nonsense) {
  ScriptBroker nonsense([](const Call& call) -> std::optional<Answer> {
    return call.api == ApiKey::api_versions ? std::nullopt : std::optional(Answer{.bytes = "garbled"});
  });
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    return call.api == ApiKey::metadata ? std::optional(Answer{.bytes = metadata_body({}, {})})
                                        : std::nullopt;
  });
  const auto cluster = client({nonsense.address(), broker.address()});
  EXPECT_FALSE(leaders_of(*cluster, {}).ok());
  EXPECT_TRUE(leaders_of(*cluster, {}).ok());
}

TEST_P(ClusterClientTest, turns_to_the_next_broker_after_a_failure) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    return call.api == ApiKey::metadata ? std::optional(Answer{.bytes = metadata_body({}, {})})
                                        : std::nullopt;
  });
  const auto cluster = client({"127.0.0.1:" + std::to_string(closed_port()), broker.address()});
  std::vector<bool> answers;  // both fail with the first connection: that is one failure, not two
  for (int i = 0; i < 2; ++i) {
    cluster->ask_leaders({}, [&](const Result<ClusterView>& view) { answers.push_back(view.ok()); });
  }
  run_until([&] { return answers.size() == 2; });
  EXPECT_EQ(answers, (std::vector<bool>{false, false}));
  EXPECT_TRUE(leaders_of(*cluster, {}).ok());
  EXPECT_TRUE(leaders_of(*cluster, {}).ok()) << "it stays with the one that answers";
  EXPECT_EQ(broker.connections(), 1);
}

TEST_P(ClusterClientTest, finds_the_coordinator_or_says_why_not) {
  std::atomic<std::int16_t> code = 15;  // read on the broker's thread
  ScriptBroker broker([&](const Call& call) -> std::optional<Answer> {
    return call.api == ApiKey::find_coordinator ? std::optional(Answer{.bytes = coordinator_body(7000, code)})
                                                : std::nullopt;
  });
  const auto cluster = client({broker.address()});
  for (const std::int16_t each : {std::int16_t{15}, std::int16_t{0}}) {
    code = each;
    std::optional<Result<BrokerAddress>> got;
    cluster->find_coordinator("g", [&](Result<BrokerAddress> found) { got = std::move(found); });
    run_until([&] { return got.has_value(); });
    ASSERT_EQ(got->ok(), code == 0);
    if (code == 0) {
      EXPECT_EQ((*got)->port, 7000);
    } else {
      EXPECT_EQ(got->error().code, "COORDINATOR_NOT_AVAILABLE");
    }
  }
}

TEST_P(ClusterClientTest, refuses_what_is_no_address) {
  for (const std::string bad : {"broker", ":9092", "broker:", "broker:0", "broker:70000", "broker:9x"}) {
    EXPECT_FALSE(ClusterClient::make(*loop, system_clock(), {bad}, {}).ok()) << bad;
  }
  EXPECT_TRUE(ClusterClient::make(*loop, system_clock(), {"[::1]:9092"}, {}).ok());
}

PENSTOCK_OVER_BOTH_LOOPS(ClusterClientTest);

}  // namespace
}  // namespace penstock::wire
