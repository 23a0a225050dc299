// Asks a cluster, once and blocking, whether these options can work: for `penstock check`, and at the start
// of `run --exit-at-end` for the end marks.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/group_entry.h"
#include "base/types.h"
#include "rdkafka/offset_query.h"
#include "source/consumer_options.h"
#include "source/start_position.h"

namespace penstock::rdkafka {

struct ProbedTopic {
  std::string name;
  std::size_t partition_count = 0;
};

struct ProbeReport {
  std::vector<std::string> brokers;  // "host:port", as the cluster names them
  std::vector<ProbedTopic> topics;   // the matched ones, by name
  std::vector<Error> topic_errors;   // one a topic that is unknown or not allowed; each names it
  std::map<TopicPartition, source::LogBounds> logs;  // of every partition of `topics`
  std::optional<Error> logs_error;                   // why `logs` is empty
  std::map<TopicPartition, GroupEntry>
      committed;                     // what the group has; partitions without an entry are absent
  std::optional<Error> group_error;  // why the group's coordinator did not answer
};

// Each of its four questions blocks for at most `timeout`. Error: no broker
// answered; it says which of name, network, TLS and password was at fault.
Result<ProbeReport> probe_cluster(const source::ConsumerOptions& options, std::chrono::milliseconds timeout);

// The ends of the logs: what source::SourceOptions::end_marks takes.
std::map<TopicPartition, Position> end_marks(const ProbeReport& report);

}  // namespace penstock::rdkafka
