// The checks of a configuration that need more than one module.
#pragma once

#include <penstock/result.h>

#include "config/settings.h"

namespace penstock::appliance {

// What only the other modules can tell about a configuration that parsed: path templates and the longest
// names they give, the sink's URL and credential, the properties of the Kafka client, and whether the
// guarantee can be kept with the way records are fetched. Pure: asks no broker and no store. Error:
// invalid_input, the first fault, with file and line.
Result<void> check_whole(const config::Settings& settings);

}  // namespace penstock::appliance
