// The Membership seam: being a member of a consumer group. It says which partitions the group gives and takes
// back, and nothing of records. librdkafka implements it (rdkafka/rd_membership.h), and in the tests a
// script and the simulator. No type and no error code of a Kafka library crosses it.
//
// The protocol of the group is the eager one: an assignment is whole, and is taken back whole before the next
// is given. An exception is an empty assignment, which may be replaced without having been revoked.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <penstock/result.h>

#include "base/member_stamp.h"
#include "base/types.h"

namespace penstock::source {

struct MembershipEvent {
  enum class Kind : std::uint8_t {
    // The group gives `partitions`.
    assigned,
    // The group asks for the partitions back, and waits until unassign().
    revoked,
    // This member is not one any more, and its partitions may belong to others already. Wants unassign() too.
    lost,
    // Of the group as a whole.
    error,
  };

  Kind kind = Kind::error;

  // assigned: all of them, perhaps none.
  std::vector<TopicPartition> partitions = {};

  // assigned: who we are in this generation. What is committed of this assignment carries it. Left empty by a
  // membership whose commits are stamped elsewhere.
  MemberStamp stamp = {};

  // error: retry (the membership goes on trying) or fatal (it cannot go on), with a sentence for the
  // operator.
  std::optional<Error> error = {};
};

// Lives on one thread, that of its worker's loop, and wakes that loop when poll() has something to do.
class Membership {
 public:
  virtual ~Membership() = default;

  // Serves the group, and appends what happened, in order. Must be called every few seconds, or the group
  // takes this member for dead.
  virtual void poll(std::vector<MembershipEvent>& events) = 0;

  // Gives the partitions back: the answer to `revoked` and `lost`, which may come long after them. The group
  // waits.
  virtual void unassign() = 0;

  // Leaves the group, and gives partitions back that are still held. Blocks for at most about `timeout`.
  // Nothing but the destructor may be called after it.
  virtual void close(std::chrono::milliseconds timeout) = 0;
};

// Joins the group, without waiting for a broker. Error: the configuration cannot work.
using JoinGroup = std::function<Result<std::unique_ptr<Membership>>()>;

}  // namespace penstock::source
