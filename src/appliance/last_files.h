// The last file of each partition, from the sink's listing.
#pragma once

#include <vector>

#include <penstock/result.h>

#include "appliance/offsets.h"
#include "config/settings.h"

namespace penstock::appliance {

// Sets `last_file` of each row: of the group's files of the partition, the one that reaches furthest. Files
// of another topic id than the row's entry names are of an earlier topic of that name, and do not count.
// Blocks for as long as the listing takes. Error: the store did not answer, or no.
Result<void> find_last_files(const config::Settings& settings, std::vector<OffsetRow>& rows);

}  // namespace penstock::appliance
