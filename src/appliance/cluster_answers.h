// What the cluster answers to the questions of rdkafka::probe_cluster(), and what it does not.
//
// A cluster may answer and still refuse a part: a topic that we may not read, a group whose coordinator is
// away. Who asks decides how much is needed. The start leaves the group to the workers, verification cannot
// do without, and `penstock check` reports everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include <penstock/result.h>

#include "config/settings.h"
#include "rdkafka/cluster_probe.h"

namespace penstock::appliance {

// In the order in which they are asked: each needs what the one before it found.
enum class Question : std::uint8_t { topics, log_ends, group };

struct Unanswered {
  Question question = Question::topics;
  Error error;
};

// Every question that the cluster did not answer, in their order; of topics one per topic. Pure.
std::vector<Unanswered> unanswered(const rdkafka::ProbeReport& report);

// The topics are found by an expression, and none of those that we may see matches it. Pure.
bool no_topic_matches(const config::Settings& settings, const rdkafka::ProbeReport& report);

// One call of probe_cluster(), which blocks for at most `wait` per question. Error: no broker answered. What
// else was not answered, the report says.
Result<rdkafka::ProbeReport> ask_brokers(const config::Settings& settings, std::chrono::milliseconds wait);

// The same. Error: also where one of the questions up to `last` was not answered.
Result<rdkafka::ProbeReport> ask_cluster(const config::Settings& settings, Question last,
                                         std::chrono::milliseconds wait);

}  // namespace penstock::appliance
