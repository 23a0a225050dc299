// What no key of `batch` can say alone, of the general settings and of each override.
#pragma once

#include <string>

#include "config/report.h"
#include "config/settings.h"

namespace penstock::config {

// As validate(). `prefix` stands before the keys: nothing, or "overrides[0].".
void validate_batch(const Settings& settings, Report& report, const BatchSettings& batch,
                    const std::string& prefix);

}  // namespace penstock::config
