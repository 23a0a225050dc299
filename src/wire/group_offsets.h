// The group's entries, read and written over our own connection to its coordinator.
//
// A commit carries the stamp it is given, and is sent once: what became of it is told in the four words of
// base/commit_outcome.h, and sending it again is the caller's decision (PROTOCOL.md, Publish 4 and R8).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/commit.h"
#include "base/group_entry.h"
#include "base/member_stamp.h"
#include "base/types.h"
#include "wire/broker_connection.h"
#include "wire/cluster_client.h"

namespace penstock::wire {

using GroupEntries = std::vector<std::optional<GroupEntry>>;

class GroupOffsets {
 public:
  // `loop`, `clock` and `cluster` outlive it.
  GroupOffsets(io::Loop& loop, const Clock& clock, ClusterClient& cluster, BrokerAccess access,
               std::string group);

  // One entry per partition, in their order; nullopt where the group has none. Any partition's error is the
  // error of the whole, so that an error is never taken for "no entry". `done` runs once, later, on the
  // loop's thread.
  void read(std::vector<TopicPartition> partitions, std::function<void(Result<GroupEntries>)> done);

  // Writes all entries in one request, under `stamp`. `done` runs once, later, with the worst outcome of any
  // entry. `timeout` runs from the sending to the answer. After it the outcome is unknown.
  void commit(MemberStamp stamp, std::vector<EntryToCommit> entries, Duration timeout,
              std::function<void(CommitReply)> done);

 private:
  // Runs `use` with the coordinator's connection, or `refuse` with why it was not found.
  void with_coordinator(std::function<void(BrokerConnection&)> use, std::function<void(Error)> refuse);
  void on_coordinator(Result<BrokerAddress> found);
  void forget_coordinator();

  struct Waiting {
    std::function<void(BrokerConnection&)> use;
    std::function<void(Error)> refuse;
  };

  io::Loop& loop_;
  const Clock& clock_;
  ClusterClient& cluster_;
  const BrokerAccess access_;
  const std::string group_;
  std::unique_ptr<BrokerConnection> coordinator_;
  std::deque<Waiting> waiting_;
  Alive alive_;
};

}  // namespace penstock::wire
