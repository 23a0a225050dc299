// The checks of a configuration that need more than one module.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"

namespace penstock::appliance {

// What only the other modules can tell about a configuration that parsed: path templates and the names they
// give to the topics' files, the sink's URL and credential, the files of certificates, the properties of the
// Kafka client, whether the guarantee can be kept with the way records are fetched, and whether the stage
// lies in the lake. Asks no broker and no store. Error: invalid_input, the first fault, with file and line.
Result<void> check_whole(const config::Settings& settings);

// The default of source.fence_wait. Below it exactly_once is only as good as the network is quick.
inline constexpr Duration k_fence_wait_safe = std::chrono::seconds(10);

// What works and is not what one would want, a sentence each, with file and line. Pure.
std::vector<std::string> doubts(const config::Settings& settings);

// Whether the stage is outside of what systemd has set aside for the unit. `state_directory` is the variable
// STATE_DIRECTORY: paths with ':' between them, or null. None: it is inside, or there is no such variable.
// Pure.
std::optional<std::string> outside_state_directory(const config::Settings& settings,
                                                   const char* state_directory);

}  // namespace penstock::appliance
