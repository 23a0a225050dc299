// The questions about offsets that librdkafka answers only by blocking. Internal to this module; any thread.
//
// The whole list is asked about at once: one request a broker, not one a partition. Any partition's error is
// the error of the call, so that an error is never read as "nothing is committed".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/group_entry.h"
#include "base/types.h"
#include "source/start_position.h"

struct rd_kafka_s;

namespace penstock::rdkafka {

using Millis = std::chrono::milliseconds;

// Whether what is asked of logs counts the records of transactions that are open.
enum class Transactions : unsigned char { committed, open_ones_too };

// One an entry of `partitions`, in its order.
Result<std::vector<std::optional<GroupEntry>>> committed_entries(rd_kafka_s* client,
                                                                 std::span<const TopicPartition> partitions,
                                                                 Millis timeout);

// The same, of the positions alone.
Result<std::vector<std::optional<Position>>> committed_positions(rd_kafka_s* client,
                                                                 std::span<const TopicPartition> partitions,
                                                                 Millis timeout);

// All partitions of the topics that `of` names.
Result<std::vector<TopicPartition>> partitions_of_topics(rd_kafka_s* client,
                                                         std::span<const TopicPartition> of, Millis timeout);

// The end is that of the committed records (read_committed): what a consumer can reach.
Result<std::vector<source::LogBounds>> log_bounds(rd_kafka_s* client,
                                                  std::span<const TopicPartition> partitions, Millis timeout);

// The first record that is at least as young as this time; none: all are older.
Result<std::vector<std::optional<Position>>> positions_at(rd_kafka_s* client,
                                                          std::span<const TopicPartition> partitions,
                                                          std::int64_t timestamp_ms, Millis timeout);

}  // namespace penstock::rdkafka
