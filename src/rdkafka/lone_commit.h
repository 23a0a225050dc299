// Commits to a group that nobody is a member of, with metadata: for groups that hold notes of ours and are
// not read with. Never for a group whose positions count (PROTOCOL.md, Terms: stamp).
#pragma once

#include <chrono>
#include <map>
#include <string>

#include <penstock/result.h>

#include "base/group_entry.h"
#include "base/types.h"
#include "source/consumer_options.h"

struct rd_kafka_s;

namespace penstock::rdkafka {

// To `options.group`. The leader epochs of the entries are not sent. Blocks for at most about `timeout`, in
// which it is tried again while the broker is not the group's coordinator yet. Error: what the broker said;
// the group has members, for one.
Result<void> commit_without_members(const source::ConsumerOptions& options,
                                    const std::map<TopicPartition, GroupEntry>& entries,
                                    std::chrono::milliseconds timeout);

// The same over a client of that group. Internal to this module. `what` begins the sentence of an Error.
Result<void> commit_over(rd_kafka_s* client, const std::map<TopicPartition, GroupEntry>& entries,
                         std::chrono::milliseconds timeout, const std::string& what);

}  // namespace penstock::rdkafka
