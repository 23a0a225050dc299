// The time and the size of a few records, read for themselves: blocking; for `penstock check` and `penstock
// landed`.
#pragma once

#include <cstdint>
#include <map>

#include <penstock/result.h>

#include "base/types.h"
#include "rdkafka/offset_query.h"
#include "source/consumer_options.h"

namespace penstock::rdkafka {

struct RecordProbe {
  // -1: the record has none.
  std::int64_t timestamp_ms = -1;
  std::uint64_t value_bytes = 0;
};

// Of each partition the first record at this position or behind it. With a client of its own that joins no
// group. A partition that has none there, or that did not answer within `timeout`, is absent. With
// `open_ones_too` records count whatever becomes of their transaction.
Result<std::map<TopicPartition, RecordProbe>> probe_records(
    const source::ConsumerOptions& options, const std::map<TopicPartition, Position>& at, Millis timeout,
    Transactions transactions = Transactions::committed);

}  // namespace penstock::rdkafka
