// The part of the brokers that asks who is there: SaslHandshake, SaslAuthenticate, and sessions that end
// (KIP-368).
//
// A session begins without a login, and may ask for nothing but the versions and a login. A login has an end,
// by the session's longest time or the token's own. A request that comes later closes the connection, as in
// Kafka. A handshake begins the next login on the same connection.
#include <algorithm>
#include <chrono>
#include <string_view>

#include "sim/broker_front.h"

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

// Who logs in again sooner is told that it is not the time for that.
constexpr Duration k_between_logins = seconds(1);

// RFC 7628 has the client answer a challenge by this one byte.
constexpr std::string_view k_after_challenge = "\x01";

bool is_of_login(Api api) {
  return api == Api::sasl_handshake || api == Api::sasl_authenticate;
}

// PLAIN: <nothing> 0x00 user 0x00 password.
struct UserAndPassword {
  std::string_view user;
  std::string_view password;
};
std::optional<UserAndPassword> of_plain(std::string_view message) {
  const std::size_t second = message.find('\0', 1);
  if (message.empty() || message.front() != '\0' || second == std::string_view::npos) {
    return std::nullopt;
  }
  return UserAndPassword{message.substr(1, second - 1), message.substr(second + 1)};
}

// OAUTHBEARER: n,, 0x01 auth=Bearer token 0x01 0x01.
std::optional<std::string_view> of_bearer(std::string_view message) {
  constexpr std::string_view k_before =
      "n,,\x01"
      "auth=Bearer ";
  constexpr std::string_view k_behind = "\x01\x01";
  if (!message.starts_with(k_before) || !message.ends_with(k_behind)) {
    return std::nullopt;
  }
  return message.substr(k_before.size(), message.size() - k_before.size() - k_behind.size());
}

}  // namespace

// False: the request is not served.
bool BrokerFront::may_ask(const Request& request) {
  if (credentials_.scenario().kind == LoginKind::none) {
    return true;  // the requests of logins are not offered then
  }
  const Login& login = sessions_.at(request.session).login;
  if (request.api == Api::sasl_authenticate ? !login.shaken : login.shaken) {
    verdict_.fail("request ", static_cast<int>(request.api),
                  " comes in the midst of a login, or outside of one");
    return false;
  }
  if (is_of_login(request.api) || (!login.done && request.api == Api::api_versions)) {
    return true;
  }
  if (!login.done) {
    verdict_.fail("request ", static_cast<int>(request.api), " comes before the login");
    return false;
  }
  if (login.ends && clock_.now() > *login.ends) {
    verdict_.note("broker ", request.broker, " closes a session that has ended");
    if (options_.sessions_are_kept && login.told) {
      verdict_.fail("request ", static_cast<int>(request.api), " comes when its session has ended");
    }
    hang_up(request.session);
    return false;
  }
  return true;
}

void BrokerFront::serve_sasl_handshake(const Request& request, RequestReader& body) {
  const std::string mechanism = body.string();
  expect_whole(request, body);
  Login& login = sessions_.at(request.session).login;
  const MonoTime now = clock_.now();
  const bool too_soon = login.done && now - login.begun < k_between_logins;
  const bool known = mechanism == credentials_.mechanism();
  if (!known) {
    verdict_.fail("a login by ", mechanism, ", which was not configured");
  }
  login.shaken = known && !too_soon;
  login.begun = too_soon ? login.begun : now;
  ResponseWriter out(request.flexible);
  out.code(too_soon ? ErrorCode::illegal_sasl_state
           : known  ? ErrorCode::none
                    : ErrorCode::unsupported_sasl_mechanism);
  out.array(1);
  out.string(credentials_.mechanism());
  respond(request, out);
}

void BrokerFront::serve_sasl_authenticate(const Request& request, RequestReader& body) {
  const std::string message = body.bytes();
  expect_whole(request, body);
  Login& login = sessions_.at(request.session).login;
  const LoginScenario& scenario = credentials_.scenario();
  const MonoTime never = MonoTime::max();
  const MonoTime session_end =
      scenario.session_max > Duration::zero() ? clock_.now() + scenario.session_max : never;
  if (login.challenged) {
    if (message != k_after_challenge) {
      verdict_.fail("a refused token is not answered as RFC 7628 has it");
    }
    refuse_login(request);
    return;
  }
  if (scenario.kind == LoginKind::plain) {
    const auto shown = of_plain(message);
    if (!shown) {
      verdict_.fail("a login by PLAIN cannot be read");
    }
    if (!shown || !credentials_.takes(shown->user, shown->password)) {
      refuse_login(request);
      return;
    }
    take_login(request, session_end);
    return;
  }
  const auto token = of_bearer(message);
  if (!token) {
    verdict_.fail("a login by OAUTHBEARER cannot be read");
  }
  const std::optional<MonoTime> end = token ? credentials_.end_of(*token) : std::nullopt;
  if (!end) {
    login.challenged = true;
    answer_login(request, ErrorCode::none, "{\"status\":\"invalid_token\"}", 0);
    return;
  }
  take_login(request, std::min(*end, session_end));
}

void BrokerFront::take_login(const Request& request, MonoTime ends) {
  Login& login = sessions_.at(request.session).login;
  const bool has_end = ends != MonoTime::max();
  const bool tells = has_end && request.version >= 1 && credentials_.scenario().tells_session;
  login = {.done = true,
           .told = tells,
           .begun = login.begun,
           .ends = has_end ? std::optional(ends) : std::nullopt};
  const auto left = std::chrono::duration_cast<milliseconds>(ends - clock_.now()).count();
  answer_login(request, ErrorCode::none, "", tells ? std::max<std::int64_t>(left, 1) : 0);
}

void BrokerFront::refuse_login(const Request& request) {
  verdict_.note("broker ", request.broker, " refuses a login");
  answer_login(request, ErrorCode::sasl_authentication_failed, "", 0);
  hang_up(request.session);
}

void BrokerFront::answer_login(const Request& request, ErrorCode code, std::string_view message,
                               std::int64_t session_ms) {
  ResponseWriter out(request.flexible);
  out.code(code);
  if (code == ErrorCode::none) {
    out.null_string();
  } else {
    out.string("Authentication failed");
  }
  out.bytes(message);
  if (request.version >= 1) {
    out.int64(session_ms);
  }
  respond(request, out);
}

}  // namespace penstock::sim
