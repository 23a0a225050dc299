// The stages of workers that a process had before and does not have any more.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"

namespace penstock::appliance {

// Removes the stages of workers from number `workers` on, which would take room that stage.max_bytes does not
// count. What they hold was not published, or not committed, by a worker that is no more: Kafka has it, and
// whoever has the partitions now reads it again. Leaves alone what is not ours, and what another process has
// locked. Returns what there is to say, for the log. Blocking.
std::vector<std::string> remove_former_stages(const config::Settings& settings, std::uint32_t workers);

}  // namespace penstock::appliance
