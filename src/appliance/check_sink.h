// What `penstock check` asks the sink.
#pragma once

#include <vector>

#include "appliance/check.h"
#include "config/settings.h"

namespace penstock::appliance {

// In Azure the rows of walk_to_store(). Otherwise "sink": whether it may be written. A warning: it may
// not be listed, which penstock verify needs. With `group_has_no_position` also whether there are files
// of the group. Leaves no file behind, and removes the directories that it had to make.
std::vector<CheckRow> check_sink(const config::Settings& settings, bool group_has_no_position);

}  // namespace penstock::appliance
