// What `penstock check` says about the group's positions, from what it has asked the cluster already. Pure.
#pragma once

#include <vector>

#include "appliance/check.h"
#include "rdkafka/cluster_probe.h"
#include "source/consumer_options.h"

namespace penstock::appliance {

// A row per partition whose log does not have the group's position; of many, the first ten and how many more.
std::vector<CheckRow> check_positions(const rdkafka::ProbeReport& cluster, source::OnDataLoss on_data_loss);

// The sink has files of the group, and the group has no position at all.
CheckRow positions_gone(const std::string& group, const std::string& blob);

}  // namespace penstock::appliance
