// How far a group has come, and which record is the first of a time: what `penstock landed` judges by.
// Blocking.
#pragma once

#include <map>
#include <optional>
#include <span>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "rdkafka/offset_query.h"
#include "source/consumer_options.h"
#include "source/start_position.h"

namespace penstock::rdkafka {

struct LandingFacts {
  // The group's entry: what is claimed beyond it is not counted. None: the group has none.
  std::optional<Position> committed;
  // The end is that of everything written, also by transactions that are open.
  source::LogBounds log;
  // The first record of that time or a later one, in a transaction or not. None: there is none.
  std::optional<Position> first_since;
};

// One entry a partition. The group is asked first, then the logs, so that an entry is never beyond the end of
// its log, unless the log is another one. Each question blocks for at most `timeout`.
Result<std::map<TopicPartition, LandingFacts>> ask_for_landing(const source::ConsumerOptions& options,
                                                               std::span<const TopicPartition> partitions,
                                                               WallTime time, Millis timeout);

}  // namespace penstock::rdkafka
