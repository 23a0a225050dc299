// What verify found, as lines for people and as JSON for programs.
#pragma once

#include <string>

#include "appliance/verification.h"
#include "verify/findings.h"

namespace penstock::app {

// "topic orders, partition 3: 100-200 are in no blob (blobs ...)"
std::string finding_text(const verify::Finding& finding);

// A row a partition.
std::string partition_table(const appliance::VerifyReport& report);

// "12 blobs, 3,400 records, 8 partitions: every record once, up to the committed positions"
std::string verify_summary(const appliance::VerifyReport& report);

std::string verify_json(const appliance::VerifyReport& report);

}  // namespace penstock::app
