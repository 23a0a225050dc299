// `penstock health`: /readyz of a running instance as an exit code, for probes where there is no HTTP client.
#include <chrono>
#include <cstdio>
#include <string>

#include <penstock/penstock.h>

#include "app/admin_client.h"
#include "app/commands.h"
#include "app/exit_code.h"
#include "base/concat.h"
#include "config/address_of.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

constexpr std::chrono::seconds k_patience{5};

// Empty host: nothing listens.
Result<config::AdminSettings> address_of(const HealthCommand& command) {
  return command.listen.empty() ? config::admin_address_in(command.config)
                                : config::admin_address(command.listen);
}

}  // namespace

int run_health(const HealthCommand& command) {
  const Result<config::AdminSettings> address = address_of(command);
  if (!address.ok()) {
    obs::say_lines(obs::Level::error, address.error().message);
    return k_wrong_usage;
  }
  const Result<AdminAnswer> answer = ask_admin(*address, command.live ? "/healthz" : "/readyz", k_patience);
  if (!answer.ok()) {
    std::printf("%s\n", answer.error().message.c_str());
    return k_failed;
  }
  std::fputs(answer->body.c_str(), stdout);
  return answer->status == 200 ? k_done : k_failed;
}

}  // namespace penstock::app
