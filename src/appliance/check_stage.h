// What `penstock check` says about the stage: of the very directories that the workers will use.
#pragma once

#include <cstdint>
#include <vector>

#include "appliance/check.h"
#include "config/settings.h"

namespace penstock::appliance {

struct StageCheck {
  // "stage" and "stage room", and what is wrong. A fault is what ends the start of a worker.
  std::vector<CheckRow> rows;

  // Another process holds one of the directories: as a rule this deployment, which runs.
  bool in_use = false;
};

// Tries the directory of each worker. Writes into a file without a name, and makes directories only to
// remove them again. Never follows a link that lies in the directory of a worker.
StageCheck check_stage(const config::Settings& settings, std::uint32_t workers);

}  // namespace penstock::appliance
