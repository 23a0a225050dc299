// A fault of the configuration that only another module could find, in the configuration's own words.
#pragma once

#include <string_view>

#include <penstock/result.h>

#include "base/concat.h"
#include "config/settings.h"

namespace penstock::appliance {

// The Error's code of such a fault: no restart mends it.
inline constexpr std::string_view k_configuration_fault = "configuration";

// "conf/x.yaml:12: batch.path: " before `what`, which is a predicate of that key.
inline Error fault_at(const config::Settings& settings, std::string_view key, std::string_view what) {
  return make_error(ErrorKind::invalid_input, Action::fatal, concat(config::at(settings, key), ": ", what),
                    std::string(k_configuration_fault));
}

}  // namespace penstock::appliance
