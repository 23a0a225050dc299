// The environment of a configuration that is read for what it says, and not to be run.
#pragma once

#include <string>

#include "config/environment.h"

namespace penstock::app {

// Whoever asks may not be allowed to read secrets, and needs none: what cannot be read has something in its
// place. `file` is the configuration.
config::Environment without_secrets(const std::string& file);

}  // namespace penstock::app
