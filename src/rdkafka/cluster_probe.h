// Asks a cluster, once and blocking, whether these options can work: for `penstock check`, and at the start
// of `run --exit-at-end` for the end marks.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
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
  std::vector<std::string> others;   // the names of the cluster's other topics, as far as we may know them
  std::map<TopicPartition, source::LogBounds> logs;  // of every partition of `topics`
  std::optional<Error> logs_error;                   // why `logs` is empty
  std::map<TopicPartition, GroupEntry>
      committed;                     // what the group has; partitions without an entry are absent
  std::optional<Error> group_error;  // why the group's coordinator did not answer
};

// Each of its four questions blocks for at most `timeout`, or for two of them where the last answer may
// pass: a broker that has just started is not the coordinator of its groups yet. Error: no broker answered;
// it says which of name, network, TLS and password was at fault.
Result<ProbeReport> probe_cluster(const source::ConsumerOptions& options, std::chrono::milliseconds timeout);

// Of each partition the first record that is at least as young as this time, or where there is none, the
// log's end: its entry of `logs`. Blocks for at most `timeout`, and somewhat longer where it has to connect.
Result<std::map<TopicPartition, Position>> positions_at_time(
    const source::ConsumerOptions& options, const std::map<TopicPartition, source::LogBounds>& logs,
    WallTime time, std::chrono::milliseconds timeout);

}  // namespace penstock::rdkafka
