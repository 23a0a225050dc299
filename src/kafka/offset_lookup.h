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

struct OffsetAnswer {
  enum class Kind : std::uint8_t {
    positions,
    no_leader,  // who leads one of the partitions is not known yet; it is being asked for
    failed,     // may pass
  };

  Kind kind = Kind::failed;

  // Of `positions`: one per partition that was asked for. None: no record is as young as the time asked for.
  std::vector<std::optional<Position>> positions = {};

  // Set unless `kind` is `positions`.
  std::optional<Error> error = {};
};

class OffsetLookup {
 public:
  using Done = std::function<void(OffsetAnswer)>;

  // All outlive it.
  OffsetLookup(io::Loop& loop, const Clock& clock, Fetcher& fetcher);

  // For each slot of the fetcher's assignment, as its leader says: the log's start or end
  // (wire::k_timestamp_start, _end; the end of committed records), or the first position at a time. Asks
  // once. `done` runs when every leader has answered, never inside ask().
  void ask(std::vector<PartitionSlot> slots, std::int64_t timestamp_ms, Done done);

 private:
  struct Query;

  void refuse_without_leader(const TopicPartition& id, Done done);
  void send(wire::BrokerConnection& leader, const std::shared_ptr<Query>& query,
            const std::vector<std::size_t>& rows);

  io::Loop& loop_;
  const Clock& clock_;
  Fetcher& fetcher_;
  Alive alive_;
};

}  // namespace penstock::kafka
