// Until when the signatures of a deployment are good: a SAS of the storage, a SharedAccessSignature of Event
// Hubs. Keys and passwords do not say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"
#include "obs/log.h"

namespace penstock::appliance {

struct CredentialEnd {
  std::string side;  // "source", "sink"
  std::string key;   // "sink.auth.token"
  // nullopt: it does not say.
  std::optional<WallTime> begins;
  WallTime ends;
};

// Of the secrets as they are now. From any thread.
std::vector<CredentialEnd> credential_ends(const config::Settings& settings);

// Error invalid_input, with file and line: one has ended by `now`, or begins later.
Result<void> check_credential_times(const config::Settings& settings, WallTime now);

// A sentence for each that has ended or ends within a week, or within a quarter of its life if that is less.
std::vector<std::string> ends_soon(const config::Settings& settings, WallTime now);

// Logs these sentences once a day, the first time a day after the start.
class CredentialWatch {
 public:
  explicit CredentialWatch(const config::Settings& settings);
  void look(MonoTime now, WallTime wall_now);

 private:
  const config::Settings& settings_;
  MonoTime looked_{};
  obs::LogGate gate_;
};

}  // namespace penstock::appliance
