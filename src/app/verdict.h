// Looks at a lake for a command, and prints what was found.
#pragma once

#include "appliance/verification.h"
#include "config/settings.h"

namespace penstock::app {

// An ExitCode: whether the blobs hold every record once, or that it could not be looked at.
int say_verdict(const config::Settings& settings, const appliance::VerifyOptions& options, bool json);

}  // namespace penstock::app
