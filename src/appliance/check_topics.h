// What `penstock check` says about the topics, from what it has asked the cluster already. Pure.
#pragma once

#include <vector>

#include "appliance/check.h"
#include "config/settings.h"
#include "rdkafka/cluster_probe.h"

namespace penstock::appliance {

// A row per topic, or one for all where there are many, and a row for each question that was not answered. An
// unknown topic gets the nearest name that the cluster has.
std::vector<CheckRow> check_topics(const config::Settings& settings, const rdkafka::ProbeReport& cluster);

}  // namespace penstock::appliance
