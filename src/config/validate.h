// What no key can say alone: what is missing, what excludes each other, and what does not fit together.
#pragma once

#include "config/report.h"
#include "config/settings.h"

namespace penstock::config {

// Adds to `report`. Draws no conclusion from a key that the report already mentions.
void validate(const Settings& settings, Report& report);

}  // namespace penstock::config
