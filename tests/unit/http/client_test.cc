#include "http/client.h"

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/unique_fd.h"
#include "io/loop.h"
#include "unit/http/script_server.h"

namespace penstock::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::answers;
using test::response;
using test::ScriptServer;
using test::Step;
using testing::HasSubstr;
using testing::Not;

class ClientTest : public testing::Test {
 protected:
  std::unique_ptr<Client> client(const ClientOptions& options = {}) {
    return Client::create(options, *loop_).value();
  }

  bool run_until(const std::function<bool()>& reached) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{20};
    while (!reached()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      loop_->run_once(milliseconds{100});
    }
    return true;
  }

  Result<Response> exchange(Client& client, Request request) {
    std::optional<Result<Response>> outcome;
    client.send(std::move(request), [&](Result<Response> result) { outcome = std::move(result); });
    EXPECT_FALSE(outcome.has_value()) << "done ran inside send()";
    if (!run_until([&] { return outcome.has_value(); })) {
      return make_error(ErrorKind::io, Action::fatal, "the test gave up waiting");
    }
    return *std::move(outcome);
  }

  static Request get(std::string url) {
    Request request;
    request.url = std::move(url);
    return request;
  }
  static Request put(std::string url, std::vector<Bytes> body) {
    Request request = get(std::move(url));
    request.method = Method::put;
    request.body = std::move(body);
    return request;
  }

  std::unique_ptr<io::Loop> loop_ = io::make_loop({.choice = io::Choice::portable}, system_clock()).value();
};

// The others of these tests set shorter ones.
TEST(ClientOptions, waits_as_long_as_the_architecture_says) {
  std::ifstream page(PENSTOCK_SOURCE_DIR "/ARCHITECTURE.md");
  const std::string text((std::istreambuf_iterator<char>(page)), {});
  const ClientOptions options;
  const auto seconds_of = [](Duration wait) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(wait).count());
  };
  const std::string told = "a time-out (" + seconds_of(options.connect_timeout) + " s to connect, " +
                           seconds_of(options.stall_timeout) + " s of standstill)";
  EXPECT_NE(text.find(told), std::string::npos) << told;
}

TEST_F(ClientTest, a_small_put_arrives_as_it_was_written) {
  ScriptServer server;
  const auto http = client({.user_agent = "penstock/1.2.3"});
  Request request = put(server.url("/lake/./a%20b?x=1"), {as_bytes("one,"), {}, as_bytes("two")});
  request.headers.add("x-ms-date", "today");
  request.headers.add("empty", "");
  const auto outcome = exchange(*http, std::move(request));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->status, 201);
  const auto received = server.received();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].line, "PUT /lake/./a%20b?x=1 HTTP/1.1");
  EXPECT_EQ(received[0].body, "one,two");
  EXPECT_EQ(received[0].headers.at("content-length"), "7");
  EXPECT_EQ(received[0].headers.at("x-ms-date"), "today");
  EXPECT_EQ(received[0].headers.at("empty"), "");
  EXPECT_EQ(received[0].headers.at("user-agent"), "penstock/1.2.3");
  EXPECT_FALSE(received[0].headers.contains("transfer-encoding"));
  EXPECT_FALSE(received[0].headers.contains("content-type"));
}

TEST_F(ClientTest, an_empty_put_says_that_its_length_is_zero) {
  ScriptServer server;
  const auto http = client();
  ASSERT_TRUE(exchange(*http, put(server.url("/lake"), {})).ok());
  EXPECT_EQ(server.received()[0].headers.at("content-length"), "0");
}

TEST_F(ClientTest, a_big_body_of_many_pieces_arrives_whole_and_without_expect) {
  std::string bytes(5'000'003, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(i * 2654435761U >> 13);
  }
  std::vector<Bytes> pieces;
  const Bytes whole = as_bytes(bytes);
  for (std::size_t at = 0; at < whole.size(); at += 777'777) {
    pieces.push_back(whole.subspan(at, std::min<std::size_t>(777'777, whole.size() - at)));
  }
  ScriptServer server;
  const auto http = client();
  ASSERT_TRUE(exchange(*http, put(server.url("/a"), pieces)).ok());
  EXPECT_TRUE(server.received()[0].body == bytes);
  EXPECT_FALSE(server.received()[0].headers.contains("expect"));
}

TEST_F(ClientTest, headers_are_found_without_case_and_the_body_is_kept) {
  ScriptServer server({answers("200 OK", "X-Ms-Meta-Topic:  api \r\nDate: now\r\n", "hello")});
  const auto http = client();
  const auto outcome = exchange(*http, get(server.url("/a")));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->headers.find("x-ms-meta-topic"), "api");
  EXPECT_EQ(outcome->headers.find("absent"), std::nullopt);
  EXPECT_EQ(outcome->body, "hello");
  EXPECT_TRUE(server.received()[0].line.starts_with("GET /a "));
}

TEST_F(ClientTest, a_head_has_a_length_and_no_body) {
  ScriptServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 123456\r\n\r\n"}, answers("200 OK", "", "x")});
  const auto http = client();
  Request request = get(server.url("/a"));
  request.method = Method::head;
  const auto outcome = exchange(*http, std::move(request));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->headers.find("Content-Length"), "123456");
  EXPECT_EQ(outcome->body, "");
  EXPECT_TRUE(server.received()[0].line.starts_with("HEAD /a "));
  EXPECT_EQ(exchange(*http, get(server.url("/b")))->body, "x") << "the handle must forget that it was a HEAD";
}

TEST_F(ClientTest, answers_of_every_status_are_responses_and_redirects_are_not_followed) {
  ScriptServer server({answers("404 Not Found"), answers("503 Busy", "Retry-After: 3\r\n"),
                       answers("307 Elsewhere", "Location: /b\r\n")});
  const auto http = client();
  EXPECT_EQ(exchange(*http, get(server.url("/a")))->status, 404);
  EXPECT_EQ(exchange(*http, get(server.url("/a")))->headers.find("retry-after"), "3");
  EXPECT_EQ(exchange(*http, get(server.url("/a")))->status, 307);
  EXPECT_EQ(server.received().size(), 3U);
  EXPECT_EQ(server.connection_count(), 1U) << "the connection is kept";
}

TEST_F(ClientTest, an_interim_answers_headers_are_not_the_answers) {
  ScriptServer server(
      {{"HTTP/1.1 103 Early Hints\r\nx-a: early\r\n\r\n" + response("201 Created", "x-a: late\r\n")}});
  const auto http = client();
  const auto outcome = exchange(*http, put(server.url("/a"), {}));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->status, 201);
  EXPECT_EQ(outcome->headers.find("x-a"), "late");
}

TEST_F(ClientTest, a_body_past_its_limit_is_refused) {
  ScriptServer server({answers("200 OK", "", "12345"), answers("200 OK", "", "123456")});
  const auto http = client();
  Request request = get(server.url("/a"));
  request.response_bytes_max = 5;
  EXPECT_EQ(exchange(*http, request)->body, "12345");
  const auto refused = exchange(*http, request);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(refused.error().action, Action::retry);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than its limit"));
}

TEST_F(ClientTest, a_connection_closed_within_the_body_is_unavailable_and_the_secret_stays_secret) {
  const std::string bytes(4 << 20, 'x');
  ScriptServer server({{"", 1000, Step::Then::close}});
  const auto http = client();
  const auto outcome = exchange(*http, put(server.url("/a?sig=topsecret"), {as_bytes(bytes)}));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(outcome.error().action, Action::retry);
  EXPECT_THAT(outcome.error().message, HasSubstr("127.0.0.1"));
  EXPECT_THAT(outcome.error().message, Not(HasSubstr("topsecret")));
}

TEST_F(ClientTest, an_answer_before_the_end_of_the_body_is_taken) {
  const std::string bytes(64 << 20, 'x');  // more than the sockets hold
  ScriptServer server({{response("403 Forbidden", "Connection: close\r\n"), 1000, Step::Then::hold}});
  const auto http = client();
  const auto outcome = exchange(*http, put(server.url("/a"), {as_bytes(bytes)}));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->status, 403);
}

TEST_F(ClientTest, an_answer_cut_short_is_unavailable) {
  ScriptServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", SIZE_MAX, Step::Then::close}});
  const auto http = client();
  EXPECT_EQ(exchange(*http, get(server.url("/a"))).error().code, "CURLE_PARTIAL_FILE");
}

TEST_F(ClientTest, a_reused_connection_that_died_is_replaced_and_the_body_sent_again_from_its_start) {
  // Closed after the first answer without having said so.
  ScriptServer server({{response("201 Created"), SIZE_MAX, Step::Then::close}});
  const auto http = client();
  ASSERT_TRUE(exchange(*http, put(server.url("/a"), {as_bytes("first")})).ok());
  const auto outcome = exchange(*http, put(server.url("/b"), {as_bytes("sec"), as_bytes("ond")}));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(server.received().back().body, "second");
  EXPECT_EQ(server.connection_count(), 2U);
}

TEST_F(ClientTest, a_tls_session_is_resumed_by_every_connection) {
  const crypto::Identity authority = crypto::make_identity({.subject = "authority", .names = ""}, nullptr);
  const crypto::Identity identity =
      crypto::make_identity({.subject = "server", .names = "IP:127.0.0.1"}, &authority);
  const crypto::PemDirectory directory;
  const auto context = crypto::make_server_context(identity);
  const Step closing{response("201 Created", "Connection: close\r\n"), SIZE_MAX, Step::Then::close};
  ScriptServer server({closing, answers("201 Created"), {"", SIZE_MAX, Step::Then::hold}}, context.get());
  const auto http = client({.connections_max = 2, .ca_file = directory.write("ca.pem", authority)});
  ASSERT_TRUE(exchange(*http, get(server.url("/a"))).ok());
  EXPECT_EQ(server.resumed_count(), 0U);
  ASSERT_TRUE(exchange(*http, get(server.url("/b"))).ok());  // with each answer comes a ticket for the next
  EXPECT_EQ(server.resumed_count(), 1U);
  http->send(get(server.url("/keeps/the/handle/busy")), [](const Result<Response>&) {});
  ASSERT_TRUE(run_until([&] { return server.received().size() == 3; }));
  ASSERT_TRUE(exchange(*http, get(server.url("/c"))).ok());  // on a handle that has made no connection yet
  EXPECT_EQ(server.connection_count(), 3U);
  EXPECT_EQ(server.resumed_count(), 2U);
}

std::atomic<const char*> negotiated = nullptr;

TEST_F(ClientTest, ciphers_are_offered_in_the_order_of_the_options) {
  const crypto::Identity authority = crypto::make_identity({.subject = "authority", .names = ""}, nullptr);
  const crypto::Identity identity =
      crypto::make_identity({.subject = "server", .names = "IP:127.0.0.1"}, &authority);
  const crypto::PemDirectory directory;
  const auto context = crypto::make_server_context(identity);
  SSL_CTX_set_info_callback(context.get(), [](const SSL* ssl, int where, int) {
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
      negotiated = SSL_get_cipher_name(ssl);
    }
  });
  const auto with = [&](int version, const std::string& tls13, const std::string& tls12) {
    SSL_CTX_set_max_proto_version(context.get(), version);
    ScriptServer server({answers("201 Created")}, context.get());
    const auto http = client(
        {.ca_file = directory.write("ca.pem", authority), .tls13_ciphers = tls13, .tls12_ciphers = tls12});
    const auto outcome = exchange(*http, get(server.url("/a")));
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    return std::string(negotiated.load());
  };
  const std::string shorter = "TLS_AES_128_GCM_SHA256";
  const std::string longer = "TLS_AES_256_GCM_SHA384";
  EXPECT_EQ(with(TLS1_3_VERSION, shorter + ":" + longer, ""), shorter);
  EXPECT_EQ(with(TLS1_3_VERSION, longer + ":" + shorter, ""), longer);
  const std::string older = "ECDHE-ECDSA-AES128-GCM-SHA256";
  EXPECT_EQ(with(TLS1_2_VERSION, "", older + ":ECDHE-ECDSA-AES256-GCM-SHA384"), older);
}

TEST_F(ClientTest, no_server_is_unavailable) {
  std::string url;
  {
    ScriptServer server;
    url = server.url("/a");
  }
  const auto http = client();
  const auto outcome = exchange(*http, get(url));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, "CURLE_COULDNT_CONNECT");
  EXPECT_EQ(outcome.error().action, Action::retry);
}

TEST_F(ClientTest, what_does_not_connect_in_time_is_told_from_what_does_not_answer) {
  // A listener whose queue is full takes no connection and refuses none, as a firewall that drops does.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), plain, length), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  ASSERT_EQ(::getsockname(listener.get(), plain, &length), 0);
  std::vector<UniqueFd> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    std::ignore = ::connect(waiting.back().get(), plain, length);
  }
  const auto http = client({.connect_timeout = milliseconds{300}});
  const std::string port = std::to_string(ntohs(address.sin_port));
  const auto outcome = exchange(*http, get("http://127.0.0.1:" + port + "/a"));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, "CURLE_COULDNT_CONNECT") << outcome.error().message;

  ScriptServer silent({{"", SIZE_MAX, Step::Then::hold}});
  Request request = get(silent.url("/a"));
  request.timeout = milliseconds{300};
  EXPECT_THAT(exchange(*http, std::move(request)).error().message, HasSubstr("the connection stands"));
}

TEST_F(ClientTest, a_request_that_stands_still_is_given_up_and_the_next_gets_its_turn) {
  ScriptServer server({{"", SIZE_MAX, Step::Then::hold}});
  const auto http = client({.connections_max = 1, .stall_timeout = milliseconds{200}});
  std::optional<Result<Response>> stalled;
  std::optional<Result<Response>> next;
  http->send(get(server.url("/stalls")), [&](Result<Response> result) { stalled = std::move(result); });
  http->send(get(server.url("/next")), [&](Result<Response> result) { next = std::move(result); });
  ASSERT_TRUE(run_until([&] { return stalled && next; }));
  ASSERT_FALSE(stalled->ok());
  EXPECT_EQ(stalled->error().kind, ErrorKind::timed_out);
  EXPECT_EQ(stalled->error().action, Action::retry);
  EXPECT_TRUE(next->ok());
}

TEST_F(ClientTest, an_upload_that_the_server_no_longer_reads_is_given_up) {
  const std::string bytes(64 << 20, 'x');
  ScriptServer server({{"", 1000, Step::Then::hold}});
  const auto http = client({.stall_timeout = milliseconds{200}});
  EXPECT_EQ(exchange(*http, put(server.url("/a"), {as_bytes(bytes)})).error().kind, ErrorKind::timed_out);
}

TEST_F(ClientTest, a_requests_own_timeout_ends_it) {
  ScriptServer server({{"", SIZE_MAX, Step::Then::hold}});
  const auto http = client();
  Request request = get(server.url("/a"));
  request.timeout = milliseconds{100};
  EXPECT_EQ(exchange(*http, std::move(request)).error().code, "CURLE_OPERATION_TIMEDOUT");
}

TEST_F(ClientTest, no_more_connections_are_used_than_allowed_and_all_are_answered) {
  ScriptServer server;
  const auto http = client({.connections_max = 3});
  int answered = 0;
  for (int i = 0; i < 40; ++i) {
    http->send(put(server.url("/a"), {as_bytes("body")}), [&](Result<Response> result) {
      EXPECT_TRUE(result.ok());
      ++answered;
    });
  }
  EXPECT_EQ(http->pending(), 40U);
  ASSERT_TRUE(run_until([&] { return answered == 40; }));
  EXPECT_EQ(http->pending(), 0U);
  EXPECT_LE(server.connection_count(), 3U);
}

TEST_F(ClientTest, one_request_too_many_is_refused_later) {
  ScriptServer server;
  const auto http = client({.connections_max = 1, .queued_max = 1});
  std::vector<std::string> order;
  for (const char* name : {"runs", "waits", "refused"}) {
    http->send(get(server.url("/a")), [&order, name](Result<Response> result) {
      order.push_back(std::string(name) + (result.ok() ? "" : ":" + result.error().code));
    });
  }
  EXPECT_TRUE(order.empty());
  ASSERT_TRUE(run_until([&] { return order.size() == 3; }));
  EXPECT_THAT(order, testing::UnorderedElementsAre("runs", "waits", "refused:queue full"));
}

TEST_F(ClientTest, an_answer_may_send_the_next_request) {
  ScriptServer server;
  const auto http = client({.connections_max = 1});
  int answered = 0;
  std::function<void(Result<Response>)> again = [&](Result<Response> result) {
    EXPECT_TRUE(result.ok());
    if (++answered < 5) {
      http->send(get(server.url("/a")), again);
    }
  };
  http->send(get(server.url("/a")), again);
  EXPECT_TRUE(run_until([&] { return answered == 5; }));
}

TEST_F(ClientTest, destruction_cancels_what_runs_and_waits_and_calls_nobody) {
  ScriptServer server({{"", SIZE_MAX, Step::Then::hold}});
  auto http = client({.connections_max = 1});
  bool called = false;
  for (int i = 0; i < 3; ++i) {
    http->send(get(server.url("/a")), [&](Result<Response>) { called = true; });
  }
  ASSERT_TRUE(run_until([&] { return server.received().size() == 1; }));
  http.reset();
  for (int i = 0; i < 5; ++i) {
    loop_->run_once(milliseconds{5});
  }
  EXPECT_FALSE(called);
}

TEST_F(ClientTest, destruction_cancels_a_refusal_not_yet_told) {
  auto http = client({.connections_max = 1, .queued_max = 0});
  bool called = false;
  http->send(get("http://127.0.0.1:1/"), [&](Result<Response>) { called = true; });
  http.reset();
  loop_->run_once(milliseconds{5});
  EXPECT_FALSE(called);
}

TEST_F(ClientTest, an_answer_may_end_the_client_and_no_other_is_told_then) {
  ScriptServer server;
  auto http = client({.connections_max = 4});
  int answered = 0;
  for (int i = 0; i < 4; ++i) {
    http->send(get(server.url("/a")), [&](Result<Response>) {
      ++answered;
      http.reset();
    });
  }
  ASSERT_TRUE(run_until([&] { return answered > 0; }));
  for (int i = 0; i < 5; ++i) {
    loop_->run_once(milliseconds{5});
  }
  EXPECT_EQ(answered, 1);
}

TEST_F(ClientTest, options_out_of_range_are_refused) {
  EXPECT_FALSE(Client::create({.connections_max = 0}, *loop_).ok());
  EXPECT_FALSE(Client::create({.upload_buffer_bytes = 1}, *loop_).ok());
  EXPECT_FALSE(Client::create({.stall_timeout = Duration::zero()}, *loop_).ok());
}

}  // namespace
}  // namespace penstock::http
