// Whether the coordinator of a group refuses commits that carry the stamp of the past. exactly_once rests on
// it (PROTOCOL.md): a worker that was taken for dead must not be able to move a position. Kafka refuses them.
// Of other implementations it has to be tried.
#pragma once

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "io/loop.h"
#include "source/consumer_options.h"
#include "source/membership.h"

namespace penstock::kafka {

struct StampTrial {
  // Of a group that nobody else uses, which gets an offset.
  source::ConsumerOptions consumer;

  // A member of that group. Called a second time where the consumer has a group_instance_id.
  source::JoinGroup join;

  // Any that is there: the offset is committed for it.
  TopicPartition partition;

  // For joining and all commits together.
  Duration patience{};
};

// Joins, commits with a good stamp, with a former generation, as a member that never was, and as itself after
// it has left. With an instance id it joins again meanwhile, and commits as the one that this has fenced.
// That is left out where the coordinator does not let the second one in in time. Blocks. Error unsupported:
// the coordinator has taken one that it had to refuse. Others: it could not be tried, and why.
Result<void> try_stale_stamps(StampTrial trial, io::Loop& loop, const Clock& clock);

// Removes the consumer's group, and what is committed in it. Blocks. Error: it stays, and why. It has
// members, we may not, or the broker does not know how.
Result<void> remove_group(const source::ConsumerOptions& consumer, io::Loop& loop, const Clock& clock);

}  // namespace penstock::kafka
