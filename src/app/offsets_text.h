// The lines and the JSON of `offsets`. Pure.
#pragma once

#include <string>
#include <vector>

#include "appliance/offsets.h"

namespace penstock::app {

// A table with a heading, each line with its end.
std::string offsets_table(const std::vector<appliance::OffsetRow>& rows);

std::string offsets_json(const std::string& group, const std::vector<appliance::OffsetRow>& rows);

// What setting them does: a line for each partition, and what follows from it.
std::string moves_text(const std::vector<appliance::OffsetsMove>& moves);

std::string moves_json(const std::string& group, const std::vector<appliance::OffsetsMove>& moves);

}  // namespace penstock::app
