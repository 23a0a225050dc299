// Before the workers start: is the store there and ours to write to, are the brokers there, and what is in the cluster?
//
// What waiting may mend is waited for; what only a person can mend is an Error, so that a service with a wrong key does not
// look as if it ran.
#pragma once

#include <atomic>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"
#include "rdkafka/cluster_probe.h"

namespace penstock::appliance {

// Asks the store once. Ok also when it does not answer: workers stage what they read and try again. Error: wrong credential,
// no permission, no such container or directory.
Result<void> probe_store(const config::Settings& settings, const std::atomic<bool>& stop);

// One call of probe(), on a loop of its own, waiting at most `wait`: what `penstock check` reports.
Result<void> probe_store_once(const config::Settings& settings, Duration wait, const std::atomic<bool>& stop);

enum class Patience { endless, a_minute };

// Asks the brokers until they answer. Error: wrong credential, unknown topic, or out of patience. Once `stop` is set: an
// empty view.
Result<rdkafka::ProbeReport> await_cluster(const config::Settings& settings, Patience patience,
                                           const std::atomic<bool>& stop);

}  // namespace penstock::appliance
