// The questions before the workers start. Is the store there and ours to write to? Are the brokers there, and
// what is in the cluster?
//
// What waiting may mend is waited for. What only a person can mend is an Error, so that a service with a
// wrong key does not look as if it ran. All of it blocks.
#pragma once

#include <atomic>
#include <functional>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"
#include "rdkafka/cluster_probe.h"

namespace penstock::appliance {

// Asks the store once. Also ok when it does not answer: workers stage what they read and try again. Error:
// wrong credential, no permission, no such container or directory. Once `stop` is set: ok.
Result<void> probe_store(const config::Settings& settings, const std::atomic<bool>& stop);

// One call of the store's probe(), on a loop of its own. Error: what the store said, or that it did not
// answer within `wait`, or before `stop` was set.
Result<void> probe_store_once(const config::Settings& settings, Duration wait, const std::atomic<bool>& stop);

// endless: for a service. It is content as soon as a broker has answered, whatever is missing of the topics.
// a_minute: for a bounded run, which must know every topic and where its logs end. With an expression that no
// topic matches it has nothing to know.
enum class Patience { endless, a_minute };

// Asks the brokers until they answer, and says every 30 seconds what it waits for. Error: wrong credential,
// or out of patience; in a bounded run also an unknown topic. Once `stop` is set: an empty report.
// `on_wait` runs once, when the first answer was none, and may be empty.
Result<rdkafka::ProbeReport> await_cluster(const config::Settings& settings, Patience patience,
                                           const std::atomic<bool>& stop,
                                           const std::function<void()>& on_wait);

}  // namespace penstock::appliance
