// Who may log in at the brokers, and what each process shows: a password that is changed, or tokens that end.
//
// The brokers ask this class what they take. A process gets its Auth from here, as `config` and `identity`
// would give it: the text of a file that changes, or tokens that an office gives out and that are renewed in
// time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sim/faults.h"
#include "sim/process.h"
#include "sim/sim_clock.h"
#include "sim/sim_random.h"
#include "source/consumer_options.h"

namespace penstock::sim {

enum class LoginKind : std::uint8_t { none, plain, bearer };

struct LoginScenario {
  LoginKind kind = LoginKind::none;
  Duration session_max{};            // zero: as long as the credential is good
  bool tells_session = true;         // or closes at its end, as brokers without KIP-368 do
  Duration token_life{};             // of LoginKind::bearer
  std::uint32_t changes = 0;         // of the password, or of what tokens are signed with
  std::uint32_t office_outages = 0;  // times in which nobody gets a token
  bool forgets_refusals = false;     // sabotage: a process is not told that its token was refused
};

class Credentials {
 public:
  // All outlive it.
  Credentials(const SimClock& clock, Agenda& agenda, const Faults& faults, const LoginScenario& scenario,
              Random random)
      : clock_(clock), agenda_(agenda), faults_(faults), scenario_(scenario), random_(random) {}

  // What is to happen to them between `begin` and the end of the troubles.
  void plan(MonoTime begin, Duration troubles);
  // The troubles are over: the file holds what the brokers take, and the office is open.
  void calm();

  const LoginScenario& scenario() const { return scenario_; }

  // The brokers' side. "PLAIN", "OAUTHBEARER".
  std::string_view mechanism() const;
  bool takes(std::string_view user, std::string_view password) const {
    return user == k_user && password == password_;
  }
  // When the token ends. None: it is not, or not any more, a good one.
  std::optional<MonoTime> end_of(std::string_view token) const;

  // What the process logs in with.
  source::Auth auth_of(const ProcessPtr& process);

 private:
  static constexpr std::string_view k_user = "penstock";

  // A process's token. Of no process that is dead.
  struct Wallet {
    std::weak_ptr<Process> process;
    std::string token;
    MonoTime ends{};
    bool asking = false;
  };
  using WalletPtr = std::shared_ptr<Wallet>;

  void change();
  void ask(const WalletPtr& wallet);
  void hand_over(const WalletPtr& wallet);
  Result<source::BearerToken> shown(const Wallet& wallet) const;

  const SimClock& clock_;
  Agenda& agenda_;
  const Faults& faults_;
  const LoginScenario& scenario_;
  Random random_;

  std::uint64_t last_change_ = 0;
  std::uint64_t in_file_ = 0;  // the change whose password is there
  std::string password_ = "secret-0";
  std::uint64_t last_token_ = 0;
  std::map<std::string, MonoTime, std::less<>> tokens_;  // that are good, until then
  bool office_is_closed_ = false;
};

}  // namespace penstock::sim
