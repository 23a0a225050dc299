// Whether the broker gives back the metadata of a committed offset, which exactly_once rests on: asks once,
// by a commit to the scratch group (scratch_group.h) that nobody else uses.
#pragma once

#include <chrono>

#include <penstock/result.h>

#include "base/types.h"
#include "source/consumer_options.h"

namespace penstock::rdkafka {

// Blocks for at most about twice `timeout`. Error unsupported: it came back changed, or not at all; others:
// it could not be tried, and why.
Result<void> try_metadata_round_trip(const source::ConsumerOptions& options, const TopicPartition& partition,
                                     std::chrono::milliseconds timeout);

}  // namespace penstock::rdkafka
