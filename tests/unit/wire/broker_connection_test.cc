#include "wire/broker_connection.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unit/io/loop_fixture.h"
#include "unit/wire/script_broker.h"

namespace penstock::wire {
namespace {

using io::Choice;
using io::choice_name;
using namespace std::chrono_literals;

std::optional<Answer> echo(const Call& call) {
  if (call.api == ApiKey::metadata) {
    return Answer{.bytes = "answer to " + call.body};
  }
  return std::nullopt;
}

std::string read_frame(ServerEnd& peer) {
  const std::string size = peer.read_exactly(4);
  return peer.read_exactly(static_cast<std::size_t>(ByteReader(as_bytes(size)).int32()));
}

// The first question of a connection, which has the correlation id 1.
void answer_versions(ServerEnd& peer) {
  read_frame(peer);
  const std::string body = api_versions_body(3);
  Body out;
  out.writer.int32(static_cast<std::int32_t>(body.size() + 4));
  out.writer.int32(1);
  peer.write_text(out.text() + body);
}

Error enough() {
  return make_error(ErrorKind::canceled, Action::retry, "enough");
}

// The machine's clock, and what a test adds.
struct AheadClock final : Clock {
  MonoTime now() const override { return system_clock().now() + ahead; }
  WallTime wall_now() const override { return system_clock().wall_now(); }
  Duration ahead{};
};

class BrokerConnectionTest : public io::LoopTest {
 protected:
  struct Got {
    bool done = false;
    Failure failure = Failure::none;
    std::optional<Error> error;
    bool sent = false;
    std::int16_t version = -1;
    std::string body;
  };

  void connect(std::uint16_t port, bool listens = false, const Clock* clock = &system_clock()) {
    connection = std::make_unique<BrokerConnection>(
        *loop, *clock,
        BrokerConnection::Options{.host = "127.0.0.1",
                                  .port = port,
                                  .access = {.client_id = "test", .tls = {}, .credential = {}},
                                  .open_timeout = 5s,
                                  .response_bytes_max = 1 << 20,
                                  .listens_when_idle = listens});
  }

  std::shared_ptr<Got> ask(const std::string& text, Duration timeout = 5s, ApiKey api = ApiKey::metadata,
                           std::shared_ptr<ReceiveBuffer> into = nullptr) {
    auto got = std::make_shared<Got>();
    connection->request({.api = api,
                         .encode = [text](Buffer& out, std::int16_t) { ByteWriter(out).raw(as_bytes(text)); },
                         .timeout = timeout,
                         .into = std::move(into),
                         .done =
                             [got](const Reply& reply) {
                               EXPECT_FALSE(got->done) << "answered twice";
                               EXPECT_EQ(reply.error.has_value(), reply.failure != Failure::none);
                               *got = {.done = true,
                                       .failure = reply.failure,
                                       .error = reply.error,
                                       .sent = reply.sent,
                                       .version = reply.version,
                                       .body = std::string(as_text(reply.body))};
                             }});
    EXPECT_FALSE(got->done) << "answered inside request()";
    return got;
  }

  Got answer_to(const std::string& text, Duration timeout = 5s) {
    const auto got = ask(text, timeout);
    run_until([&] { return got->done; });
    return *got;
  }

  std::unique_ptr<BrokerConnection> connection;
};

TEST_P(BrokerConnectionTest, requests_are_queued_and_answered_in_their_order) {
  ScriptBroker broker(echo);
  connect(broker.port());
  const auto first = ask("one");
  const auto second = ask("two");
  run_until([&] { return second->done; });
  EXPECT_EQ(first->body, "answer to one");
  EXPECT_EQ(second->body, "answer to two");
  EXPECT_EQ(second->version, supported_versions(ApiKey::metadata).highest);
  EXPECT_EQ(broker.connections(), 1);
  EXPECT_EQ(broker.calls(ApiKey::api_versions).at(0).version, 3);
}

TEST_P(BrokerConnectionTest, a_refused_version_of_api_versions_is_asked_again_with_the_lowest) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::api_versions && call.version > 0) {
      return Answer{.bytes = api_versions_body(0, 35)};
    }
    return echo(call);
  });
  connect(broker.port());
  EXPECT_EQ(answer_to("one").body, "answer to one");
  EXPECT_EQ(broker.connections(), 1);
  broker.hang_up_all();
  run_a_while();
  ask("fails");
  run_a_while();
  EXPECT_EQ(answer_to("two").body, "answer to two");
  EXPECT_EQ(broker.calls(ApiKey::api_versions).back().version, 0) << "what was learnt is kept";
}

TEST_P(BrokerConnectionTest, a_broker_that_closes_on_api_versions_is_connected_to_again) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::api_versions && call.version > 0) {
      return hangs_up();
    }
    return echo(call);
  });
  connect(broker.port());
  const Got got = answer_to("one");
  EXPECT_FALSE(got.error) << got.error->message;
  EXPECT_EQ(got.body, "answer to one");
  EXPECT_EQ(broker.connections(), 2);
}

TEST_P(BrokerConnectionTest, a_broker_that_closes_on_every_api_versions_is_tried_twice_only) {
  ScriptBroker broker([](const Call&) { return hangs_up(); });
  connect(broker.port());
  const Got got = answer_to("one");
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->action, Action::retry);
  EXPECT_NE(got.error->message.find("this port wants TLS"), std::string::npos) << got.error->message;
  EXPECT_FALSE(got.sent);
  EXPECT_EQ(broker.connections(), 2);
}

TEST_P(BrokerConnectionTest, what_is_no_kafka_listener_of_ours_is_told_apart) {
  const auto message_of = [this](const std::function<void(ServerEnd&)>& serve) {
    StreamServer server(nullptr, serve);
    connect(server.port());
    const Got got = answer_to("one");
    connection.reset();
    return got.error ? got.error->message : "answered";
  };
  const std::string tls_alert("\x15\x03\x03\x00\x02\x02\x46", 7);
  EXPECT_NE(
      message_of([&](ServerEnd& peer) { read_frame(peer), peer.write_text(tls_alert); }).find("it wants TLS"),
      std::string::npos);
  EXPECT_NE(message_of([](ServerEnd& peer) {
              read_frame(peer);
              peer.write_text("HTTP/1.1 400 Bad Request\r\n\r\n");
            }).find("an HTTP server answers"),
            std::string::npos);
  EXPECT_NE(
      message_of([](ServerEnd& peer) { answer_versions(peer), read_frame(peer); }).find("wants a login"),
      std::string::npos);
}

TEST_P(BrokerConnectionTest, an_answer_to_another_question_closes_the_connection) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::metadata) {
      return Answer{.bytes = "x", .correlation_shift = 1};
    }
    return std::nullopt;
  });
  connect(broker.port());
  const auto first = ask("one");
  const auto second = ask("two");
  run_until([&] { return second->done; });
  ASSERT_TRUE(first->error);
  EXPECT_EQ(first->error->kind, ErrorKind::corrupt);
  EXPECT_TRUE(first->sent);
  ASSERT_TRUE(second->error);
  EXPECT_FALSE(second->sent) << "it was still in the queue";
  EXPECT_FALSE(connection->ready());
  broker.use(echo);
  EXPECT_EQ(answer_to("three").body, "answer to three") << "a later request opens again";
}

TEST_P(BrokerConnectionTest, bytes_behind_a_response_close_the_connection) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::metadata) {
      return Answer{.bytes = "x", .behind = "more"};
    }
    return std::nullopt;
  });
  connect(broker.port());
  ask("one");
  run_a_while();
  run_until([&] { return !connection->ready() || answer_to("two").error.has_value(); });
}

TEST_P(BrokerConnectionTest, a_large_response_grows_its_buffer_which_shrinks_again) {
  const std::string large(300000, 'l');
  ScriptBroker broker([&](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::metadata) {
      return Answer{.bytes = call.body == "large" ? large : "small"};
    }
    return std::nullopt;
  });
  connect(broker.port());
  const auto into = std::make_shared<ReceiveBuffer>(1000);
  const auto got = ask("large", 5s, ApiKey::metadata, into);
  run_until([&] { return got->done; });
  EXPECT_EQ(got->body, large);
  EXPECT_GE(into->capacity(), large.size());
  const auto small = ask("small", 5s, ApiKey::metadata, into);
  run_until([&] { return small->done; });
  EXPECT_EQ(small->body, "small");
  EXPECT_EQ(into->capacity(), 1000U);
}

TEST_P(BrokerConnectionTest, a_response_above_the_limit_is_refused) {
  ScriptBroker broker([&](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::metadata) {
      return Answer{.bytes = std::string((1 << 20) + 1, 'x')};
    }
    return std::nullopt;
  });
  connect(broker.port());
  const Got got = answer_to("one");
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.failure, Failure::response_too_large);
  EXPECT_EQ(got.error->code, "response too large");
}

TEST_P(BrokerConnectionTest, a_broker_that_does_not_answer_is_given_up) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    return call.body == "never" ? no_answer() : echo(call);
  });
  connect(broker.port());
  const Got got = answer_to("never", 50ms);
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.failure, Failure::timed_out);
  EXPECT_EQ(got.error->kind, ErrorKind::timed_out);
  EXPECT_NE(got.error->message.find("Metadata: " + broker.address()), std::string::npos)
      << got.error->message;
  EXPECT_TRUE(got.sent) << "it may take effect";
  EXPECT_EQ(answer_to("one").body, "answer to one");
}

TEST_P(BrokerConnectionTest, close_tells_what_waits) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    return call.api == ApiKey::metadata ? std::optional(no_answer()) : std::nullopt;
  });
  connect(broker.port());
  const auto first = ask("one");
  const auto second = ask("two");
  run_until([&] { return broker.count(ApiKey::metadata) == 1; });
  connection->close(enough());
  ASSERT_TRUE(first->error && second->error);
  EXPECT_EQ(first->error->message, "enough");
  EXPECT_TRUE(first->sent);
  EXPECT_FALSE(second->sent);
  EXPECT_TRUE(connection->idle());
}

TEST_P(BrokerConnectionTest, a_request_that_is_given_up_does_not_arrive_later) {
  enum Way : std::uint8_t { times_out, is_closed, is_destroyed, is_idle };
  for (const Way way : {times_out, is_closed, is_destroyed, is_idle}) {
    SCOPED_TRACE(static_cast<int>(way));
    int end = -1;
    {
      const StreamServer server(nullptr, [&](ServerEnd& peer) {
        answer_versions(peer);
        read_frame(peer);
        if (way == is_idle) {
          peer.write_text(std::string("\0\0\0\5\0\0\0\2\0", 9));
        }
        end = peer.how_it_ended();
      });
      connect(server.port(), way == is_idle);
      const auto got = ask("one", way == times_out ? Duration(50ms) : Duration(60s));
      if (way == times_out || way == is_idle) {
        run_until([&] { return got->done; });
      } else {
        run_until([&] { return connection->ready(); });
        run_a_while();
      }
      if (way == is_closed) {
        connection->close(enough());
      }
      connection.reset();
      run_a_while();
    }
    EXPECT_EQ(end, way == is_idle ? 0 : ECONNRESET);
  }
}

// A session that lasts for ever must not overflow into one that has ended already.
TEST_P(BrokerConnectionTest, a_session_of_any_length_is_believed_for_a_day) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    Body out;
    if (call.api == ApiKey::sasl_handshake) {
      out.writer.int16(0);
      out.writer.array_count(0);
      return Answer{.bytes = out.text()};
    }
    if (call.api == ApiKey::sasl_authenticate) {
      out.writer.int16(0);
      out.writer.nullable_string(std::nullopt);
      out.writer.bytes({});
      out.writer.int64(INT64_MAX);
      return Answer{.bytes = out.text()};
    }
    return echo(call);
  });
  connection = std::make_unique<BrokerConnection>(
      *loop, system_clock(),
      BrokerConnection::Options{
          .host = "127.0.0.1",
          .port = broker.port(),
          .access = {.client_id = "test", .tls = {}, .credential = [] {
                       return Result<SaslCredential>(
                           SaslCredential{.mechanism = SaslMechanism::plain, .user = "u", .secret = "s"});
                     }}});
  EXPECT_EQ(answer_to("one").body, "answer to one");
  EXPECT_EQ(answer_to("two").body, "answer to two");
  EXPECT_EQ(broker.count(ApiKey::sasl_authenticate), 1U);
}

TEST_P(BrokerConnectionTest, a_refused_token_is_named_so_that_the_next_login_has_another) {
  int logins = 0;
  ScriptBroker broker([&logins](const Call& call) -> std::optional<Answer> {
    Body out;
    if (call.api == ApiKey::sasl_handshake) {
      out.writer.int16(0);
      out.writer.array_count(0);
      return Answer{.bytes = out.text()};
    }
    if (call.api == ApiKey::sasl_authenticate) {
      out.writer.int16(++logins == 1 ? 58 : 0);
      out.writer.nullable_string(std::nullopt);
      out.writer.bytes({});
      out.writer.int64(0);
      return Answer{.bytes = out.text()};
    }
    return echo(call);
  });
  std::string token = "old";
  std::vector<std::string> refused;
  connection = std::make_unique<BrokerConnection>(
      *loop, system_clock(),
      BrokerConnection::Options{
          .host = "127.0.0.1",
          .port = broker.port(),
          .access = {.client_id = "test",
                     .tls = {},
                     .credential =
                         [&token] {
                           return Result<SaslCredential>(
                               {.mechanism = SaslMechanism::oauthbearer, .user = {}, .secret = token});
                         },
                     .refused =
                         [&](const std::string& secret) {
                           refused.push_back(secret);
                           token = "new";
                         }}});
  const Got first = answer_to("one");
  ASSERT_TRUE(first.error);
  EXPECT_EQ(first.error->action, Action::give_up);
  EXPECT_TRUE(first.error->message.starts_with("logging in at 127.0.0.1:")) << first.error->message;
  EXPECT_TRUE(first.error->message.ends_with("; a new token is asked for")) << first.error->message;
  EXPECT_EQ(first.error->message.find("old"), std::string::npos);
  EXPECT_EQ(answer_to("two").body, "answer to two");
  EXPECT_EQ(refused, std::vector<std::string>{"old"});
}

TEST_P(BrokerConnectionTest, a_closed_idle_connection_is_noticed_before_the_next_request) {
  ScriptBroker broker(echo);
  connect(broker.port(), true);
  EXPECT_EQ(answer_to("one").body, "answer to one");
  EXPECT_EQ(answer_to("two").body, "answer to two");
  EXPECT_EQ(broker.connections(), 1);
  broker.hang_up_all();
  run_until([&] { return !connection->ready(); });
  EXPECT_EQ(answer_to("three").body, "answer to three");
  EXPECT_EQ(broker.connections(), 2);
}

// Azure drops what was silent for 240 s and tells nobody: a request over it would wait for its time-out.
TEST_P(BrokerConnectionTest, a_connection_that_was_silent_for_long_is_not_used_again) {
  for (const bool listens : {false, true}) {
    ScriptBroker broker(echo);
    AheadClock clock;
    connect(broker.port(), listens, &clock);
    EXPECT_EQ(answer_to("one").body, "answer to one");
    clock.ahead += 160s;
    EXPECT_EQ(answer_to("two").body, "answer to two");
    EXPECT_EQ(broker.connections(), 1);
    clock.ahead += 180s;
    EXPECT_EQ(answer_to("three").body, "answer to three");
    EXPECT_EQ(broker.connections(), 2);
    connection.reset();
  }
}

TEST_P(BrokerConnectionTest, a_request_that_the_broker_does_not_know_is_not_sent) {
  ScriptBroker broker([](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::api_versions) {
      Body out;
      out.writer.int16(0);
      out.writer.unsigned_varint(2);
      out.writer.int16(3);
      out.writer.int16(0);
      out.writer.int16(9);
      out.writer.unsigned_varint(0);
      out.writer.int32(0);
      out.writer.unsigned_varint(0);
      return Answer{.bytes = out.text()};
    }
    return echo(call);
  });
  connect(broker.port());
  const auto refused = ask("one", 5s, ApiKey::fetch);
  const auto fine = ask("two");
  run_until([&] { return fine->done; });
  ASSERT_TRUE(refused->error);
  EXPECT_EQ(refused->error->kind, ErrorKind::unsupported);
  EXPECT_FALSE(refused->sent);
  EXPECT_EQ(fine->body, "answer to two");

  for (const bool fresh : {false, true}) {
    if (fresh) {
      connect(broker.port(), true);
    }
    bool destroyed = false;  // by who is told: nothing of it is touched any more
    connection->request({.api = ApiKey::fetch,
                         .encode = [](Buffer&, std::int16_t) {},
                         .timeout = 5s,
                         .into = nullptr,
                         .done =
                             [&](const Reply&) {
                               connection.reset();
                               destroyed = true;
                             }});
    run_until([&] { return destroyed; });
    run_a_while();
  }
}

TEST_P(BrokerConnectionTest, who_is_told_may_destroy_it) {
  ScriptBroker broker(echo);
  for (const std::string text : {"an answer", "a failure"}) {
    connect(broker.port(), true);
    bool told = false;
    bool told_behind = false;
    connection->request({.api = ApiKey::metadata,
                         .encode = [&](Buffer& out, std::int16_t) { ByteWriter(out).raw(as_bytes(text)); },
                         .timeout = 5s,
                         .into = nullptr,
                         .done =
                             [&](const Reply&) {
                               connection.reset();
                               told = true;
                             }});
    connection->request({.api = ApiKey::metadata,
                         .encode = [](Buffer&, std::int16_t) {},
                         .timeout = 5s,
                         .into = nullptr,
                         .done = [&](const Reply&) { told_behind = true; }});
    if (text == "a failure") {
      connection->close(enough());
    }
    run_until([&] { return told; });
    run_a_while();
    EXPECT_FALSE(told_behind);
  }
}

PENSTOCK_OVER_BOTH_LOOPS(BrokerConnectionTest);

}  // namespace
}  // namespace penstock::wire
