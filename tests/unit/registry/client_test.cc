// The client over real sockets, against a server that answers by a script.
#include "registry/client.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "io/loop.h"
#include "unit/http/script_server.h"
#include "unit/registry/ids.h"

namespace penstock::registry {
namespace {

using format::SchemaAnswer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::answers;
using test::ScriptServer;
using test::Step;
using State = SchemaAnswer::State;

const Step k_long = answers("200 OK", "", R"({"schema":"\"long\""})");
const Step k_unknown = answers("404 Not Found", "", R"({"error_code":40403,"message":"no"})");

class RegistryClientTest : public testing::Test {
 protected:
  std::unique_ptr<Client> client(const ScriptServer& server, Options options = {}) {
    options.url = server.url("/base");
    return Client::create(
               std::move(options), [] { return std::uint64_t{0}; }, *loop_, system_clock())
        .value();
  }
  bool run_until(const std::function<bool()>& reached) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{20};
    while (!reached() && std::chrono::steady_clock::now() < deadline) {
      loop_->run_once(milliseconds{100});
    }
    return reached();
  }

  std::unique_ptr<io::Loop> loop_ = io::make_loop({.choice = io::Choice::portable}, system_clock()).value();
};

TEST_F(RegistryClientTest, a_schema_is_asked_for_once_and_the_topic_waits_for_it_alone) {
  const ScriptServer server({k_long});
  const auto registry = client(server);
  EXPECT_EQ(registry->find("orders", id_of(7)).state, State::waits);
  EXPECT_EQ(registry->find("orders", id_of(7)).state, State::waits);
  EXPECT_EQ(registry->waiting().size(), 1U);
  ASSERT_TRUE(run_until([&] { return registry->waiting().empty(); }));
  EXPECT_EQ(registry->find("orders", id_of(7)).state, State::known);
  const auto received = server.received();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].line, "GET /base/schemas/ids/7 HTTP/1.1");
  EXPECT_EQ(received[0].headers.at("accept"), "application/vnd.schemaregistry.v1+json, application/json");
  EXPECT_FALSE(received[0].headers.contains("authorization"));
}

TEST_F(RegistryClientTest, what_fails_is_asked_for_again_until_it_is_there) {
  const ScriptServer server({answers("503 Service Unavailable"),
                             {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", SIZE_MAX, Step::Then::close},
                             k_unknown,
                             k_long});
  const auto registry = client(server);
  registry->find("orders", id_of(7));
  ASSERT_TRUE(run_until([&] { return registry->waiting().empty(); }));
  EXPECT_EQ(registry->find("orders", id_of(7)).state, State::known);
  EXPECT_EQ(registry->requests(), (std::array<std::uint64_t, 5>{1, 1, 0, 0, 2}));
}

TEST_F(RegistryClientTest, the_login_is_asked_for_each_time_and_a_refusal_is_told) {
  const ScriptServer server({answers("401 Unauthorized"), k_long});
  int asked = 0;
  std::vector<std::string> refused;
  Options options;
  options.authorization = [&]() -> Result<std::string> { return "Bearer " + std::to_string(++asked); };
  options.refused = [&](const std::string& shown) { refused.push_back(shown); };
  const auto registry = client(server, options);
  registry->find("orders", id_of(7));
  ASSERT_TRUE(run_until([&] { return registry->waiting().empty(); }));
  EXPECT_EQ(refused, std::vector<std::string>{"Bearer 1"});
  ASSERT_EQ(server.received().size(), 2U);
  EXPECT_EQ(server.received()[1].headers.at("authorization"), "Bearer 2");
}

TEST_F(RegistryClientTest, without_a_login_nothing_is_sent_and_the_topic_waits) {
  const ScriptServer server({k_long});
  Result<std::string> login = make_error(ErrorKind::unavailable, Action::retry, "there is no token yet");
  Options options;
  options.authorization = [&login] { return login; };
  const auto registry = client(server, options);
  registry->find("orders", id_of(7));
  ASSERT_TRUE(run_until([&] { return registry->requests()[4] == 1; }));
  EXPECT_EQ(registry->waiting().at("orders").reason, "schema 7 cannot be had: there is no token yet");
  EXPECT_TRUE(server.received().empty());
  login = std::string("Bearer t");
  ASSERT_TRUE(run_until([&] { return registry->waiting().empty(); }));
}

TEST_F(RegistryClientTest, an_answer_that_is_too_long_is_no_answer) {
  const ScriptServer server({answers("200 OK", "", std::string(k_answer_bytes_max + 1, 'x')), k_long});
  const auto registry = client(server);
  registry->find("orders", id_of(7));
  ASSERT_TRUE(run_until([&] { return registry->waiting().empty(); }));
  EXPECT_EQ(registry->requests()[4], 1U);
}

TEST_F(RegistryClientTest, it_may_go_while_requests_are_on_their_way) {
  const ScriptServer server({{"", SIZE_MAX, Step::Then::hold}});
  auto registry = client(server);
  registry->find("orders", id_of(7));
  ASSERT_TRUE(run_until([&] { return server.received().size() == 1; }));
  registry.reset();
  loop_->run_once(milliseconds{10});
}

}  // namespace
}  // namespace penstock::registry
