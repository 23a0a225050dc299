// The group's entries, read and written over our own connection to its coordinator.
//
// A commit carries the stamp it is given, and is sent once. What became of each partition is told in the
// words of base/commit_outcome.h. Sending it again is the caller's decision (PROTOCOL.md, Publish 4 and R8).
#pragma once

#include <chrono>
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

// One per partition, in the order asked for; nullopt where the group has none.
using GroupEntries = std::vector<std::optional<GroupEntry>>;
using ApartEntries = std::vector<Result<std::optional<GroupEntry>>>;

class GroupOffsets {
 public:
  // `loop`, `clock` and `cluster` outlive it. `unacknowledged_max` is that of BrokerConnection::Options, for
  // the coordinator's connection.
  GroupOffsets(io::Loop& loop, const Clock& clock, ClusterClient& cluster, BrokerAccess access,
               std::string group, Duration unacknowledged_max = std::chrono::seconds(5));

  // Each of these may be called at any time, also while others are under way. They are asked one after the
  // other. `done` runs once, later, on the loop's thread.

  // For any partitions. The error of any of them is the error of the whole, so that an error is never taken
  // for "no entry".
  void read(std::vector<TopicPartition> partitions, std::function<void(Result<GroupEntries>)> done);

  // The same, where one partition's error is only its own.
  void read_apart(std::vector<TopicPartition> partitions, std::function<void(Result<ApartEntries>)> done);

  // Writes all entries in one request, under `stamp`. `timeout` runs from the sending to the answer. After it
  // all outcomes are unknown.
  void commit(MemberStamp stamp, std::vector<EntryToCommit> entries, Duration timeout,
              std::function<void(CommitReply)> done);

  // This member leaves the group, also a static one. Error unsupported: the broker has no LeaveGroup v3.
  // `timeout` as above.
  void leave(MemberStamp stamp, Duration timeout, std::function<void(Result<void>)> done);

  // Removes the group, which has no members, and its entries. Ok where there is no such group. Error
  // unsupported: the broker has no DeleteGroups. `timeout` as above.
  void remove(Duration timeout, std::function<void(Result<void>)> done);

 private:
  // Runs `use` with the coordinator's connection, or `refuse` with why it was not found.
  // One request whose whole answer is done or an error.
  void tell_coordinator(ApiKey api, std::function<void(Buffer&, std::int16_t)> encode, Duration timeout,
                        std::function<Result<void>(const Reply&)> answer,
                        std::function<void(Result<void>)> done);
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
  const Duration unacknowledged_max_;
  std::unique_ptr<BrokerConnection> coordinator_;
  std::deque<Waiting> waiting_;
  Alive alive_;
};

}  // namespace penstock::wire
