// How it works
//
// A password has two places, the brokers and the file of the processes, and they never change at once. For a
// token it is the office that gives it out, its end, and the key that it is signed with:
//
//   10.0 s  A process starts. Its wallet asks the office, and 0.2 s later it has token-1, good for 30 s.
//   20.0 s  The office is closed.
//   25.0 s  The key is changed: token-1 is refused from now on. A connection that is open stays, until its
//           session ends. The login behind that is refused.
//   28.0 s  The wallet hears of a refusal, and asks in vain. It asks again some seconds later.
//   33.0 s  The office is open. At the wallet's next try there is token-2.
//
// Without the change it would have asked at 30.2 s, two thirds of the token's life.
//
// The answer of the office is mail of the process: while it is frozen, it has the old token.
#include "sim/credentials.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/concat.h"

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string password_of(std::uint64_t change) {
  return concat("secret-", change);
}

}  // namespace

void Credentials::plan(MonoTime begin, Duration troubles) {
  if (scenario_.kind == LoginKind::none) {
    return;
  }
  const auto any_time = [&] { return begin + random_.between(Duration::zero(), troubles); };
  for (std::uint32_t i = 0; i < scenario_.changes; ++i) {
    agenda_.at(any_time(), [this] { change(); });
  }
  for (std::uint32_t i = 0; i < scenario_.office_outages; ++i) {
    const MonoTime from = any_time();
    agenda_.at(from, [this] { office_is_closed_ = faults_.on(); });
    agenda_.at(from + random_.between(seconds(1), seconds(30)), [this] { office_is_closed_ = false; });
  }
}

void Credentials::calm() {
  office_is_closed_ = false;
  in_file_ = last_change_;
}

// The file is written some seconds before or after the brokers are told.
void Credentials::change() {
  if (!faults_.on()) {
    return;
  }
  const std::uint64_t number = ++last_change_;
  const auto at_brokers = [this, number] {
    password_ = number == last_change_ ? password_of(number) : password_;
    tokens_.clear();
  };
  const auto in_file = [this, number] { in_file_ = std::max(in_file_, number); };
  const Duration between = random_.between(Duration(milliseconds(10)), Duration(seconds(10)));
  if (random_.chance(0.5)) {
    at_brokers();
    agenda_.at(clock_.now() + between, in_file);
  } else {
    in_file();
    agenda_.at(clock_.now() + between, at_brokers);
  }
}

// The brokers' side

std::string_view Credentials::mechanism() const {
  return scenario_.kind == LoginKind::plain ? "PLAIN" : "OAUTHBEARER";
}

std::optional<MonoTime> Credentials::end_of(std::string_view token) const {
  const auto found = tokens_.find(token);
  const bool good = found != tokens_.end() && clock_.now() < found->second;
  return good ? std::optional(found->second) : std::nullopt;
}

// The processes' side

source::Auth Credentials::auth_of(const ProcessPtr& process) {
  source::Auth auth;
  if (scenario_.kind == LoginKind::plain) {
    auth.type = source::AuthType::sasl_plain;
    auth.user = k_user;
    auth.secret_now = [this] { return password_of(in_file_); };
  } else if (scenario_.kind == LoginKind::bearer) {
    auth.type = source::AuthType::entra;
    const auto wallet = std::make_shared<Wallet>(Wallet{.process = process, .token = {}});
    ask(wallet);
    auth.tokens.current = [this, wallet] { return shown(*wallet); };
    auth.tokens.refused = [this, wallet](const std::string& token, const std::function<void()>&) {
      if (token == wallet->token && !scenario_.forgets_refusals) {
        ask(wallet);
      }
    };
  }
  return auth;
}

Result<source::BearerToken> Credentials::shown(const Wallet& wallet) const {
  if (wallet.token.empty()) {
    return make_error(ErrorKind::unauthenticated, Action::give_up, "there is no token yet");
  }
  return source::BearerToken{.text = wallet.token,
                             .principal = std::string(k_user),
                             .expires = clock_.wall_now() + std::chrono::duration_cast<WallTime::duration>(
                                                                wallet.ends - clock_.now())};
}

void Credentials::ask(const WalletPtr& wallet) {
  if (!std::exchange(wallet->asking, true)) {
    agenda_.at(clock_.now() + random_.between(milliseconds(10), milliseconds(500)),
               [this, wallet] { hand_over(wallet); });
  }
}

// As long as the office is closed, it is asked again after some seconds.
void Credentials::hand_over(const WalletPtr& wallet) {
  const ProcessPtr process = wallet->process.lock();
  if (process == nullptr || process->killed) {
    return;
  }
  if (office_is_closed_) {
    agenda_.at(clock_.now() + random_.between(seconds(1), seconds(5)), [this, wallet] { hand_over(wallet); });
    return;
  }
  const MonoTime ends = clock_.now() + scenario_.token_life;
  const std::string token = concat("token-", ++last_token_);
  tokens_.emplace(token, ends);
  process->post(clock_.now(), [this, wallet, token, ends] {
    wallet->token = token;
    wallet->ends = ends;
    wallet->asking = false;
    if (const ProcessPtr alive = wallet->process.lock()) {
      alive->post(ends - scenario_.token_life / 3, [this, wallet, token] {
        if (wallet->token == token) {
          ask(wallet);
        }
      });
    }
  });
}

}  // namespace penstock::sim
