// ListOffsets: where logs begin and end, and which position has a time. Each partition's leader is asked,
// over the connection that fetches from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/clock.h"
#include "base/types.h"
#include "io/loop.h"
#include "kafka/fetcher.h"
#include "wire/broker_connection.h"
#include "wire/list_offsets.h"

namespace penstock::kafka {

// What is known of one partition.
struct OffsetAnswer {
  enum class Kind : std::uint8_t {
    position,
    no_record,  // none is as young as the time asked for
    no_leader,  // who leads it is not known; that is being asked for
    failed,     // may pass
  };

  Kind kind = Kind::failed;

  // Of `position`.
  Position position{-1};

  // Set for no_leader and failed.
  std::optional<Error> error = {};
};

class OffsetLookup {
 public:
  using Answered = std::function<void(PartitionSlot, const OffsetAnswer&)>;

  // All outlive it.
  OffsetLookup(io::Loop& loop, const Clock& clock, Fetcher& fetcher);

  // For each slot of the fetcher's assignment, as its leader says: the log's start or end
  // (wire::k_timestamp_start, _end; the end of committed records), or the first position at a time. Asks
  // once. `answered` runs once for each slot, as soon as its own leader has answered, never inside ask().
  void ask(const std::vector<PartitionSlot>& slots, std::int64_t timestamp_ms, Answered answered);

 private:
  struct Query;

  void refuse_without_leader(PartitionSlot slot, Answered answered);
  void send(wire::BrokerConnection& leader, std::shared_ptr<Query> query);
  void heard(PartitionSlot slot, const TopicPartition& id, const OffsetAnswer& answer);

  io::Loop& loop_;
  const Clock& clock_;
  Fetcher& fetcher_;
  Alive alive_;
};

}  // namespace penstock::kafka
