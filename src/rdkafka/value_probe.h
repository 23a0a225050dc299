// Was there anything to land in a range that no blob holds? Empty values, transaction markers and what
// compaction removed take offsets, and make no blob. Blocking; for `penstock verify`.
#pragma once

#include <optional>

#include <penstock/result.h>

#include "base/types.h"
#include "rdkafka/offset_query.h"
#include "source/consumer_options.h"

namespace penstock::rdkafka {

// The first committed record of `range` whose value is not empty; none: there is none. Reads no further than
// it must, with a client of its own that joins no group. Error: no answer within `timeout`, or the range has
// left the log.
Result<std::optional<Offset>> first_value(const source::ConsumerOptions& options,
                                          const TopicPartition& partition, Range range, Millis timeout);

}  // namespace penstock::rdkafka
