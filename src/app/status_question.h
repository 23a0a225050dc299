// Asks a running instance for its status, as `status` and `top` do.
#pragma once

#include <string>

#include <penstock/result.h>

#include "codec/json_value.h"
#include "config/settings.h"

namespace penstock::app {

struct StatusAnswer {
  std::string json;
  codec::JsonValue status;

  bool ready() const { return status["state"].text == "ready"; }
};

// Where the instance of a configuration is asked. Error: what is wrong with the file.
Result<config::AdminSettings> instance_of(const std::string& config_file);

// Error: nobody answers there, or not with a status, and what to do.
Result<StatusAnswer> ask_status(const config::AdminSettings& admin, const std::string& config_file);

}  // namespace penstock::app
