// OffsetForLeaderEpoch v2-v3: where does what the leaders up to an epoch have written end? A log that ends
// below our position there was truncated, and goes on with other records (KIP-320).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"

namespace penstock::wire {

struct EpochPartition {
  std::string_view topic;
  Partition partition;
  // The epoch of the leader that we think current. A broker that knows better refuses.
  std::int32_t current_leader_epoch = k_no_leader_epoch;
  // The one that is asked about: that of the last record before our position.
  std::int32_t leader_epoch = k_no_leader_epoch;
};

struct OffsetForLeaderEpochRequest {
  // Those of one topic stand together.
  std::span<const EpochPartition> partitions;
};

void encode_offset_for_leader_epoch(Buffer& out, std::int16_t version,
                                    const OffsetForLeaderEpochRequest& request);

struct EpochEnd {
  // Lies in the body.
  std::string_view topic;
  Partition partition;
  // fenced_leader_epoch, unknown_leader_epoch: the current epoch that was sent is too old or too new.
  ErrorCode error_code = ErrorCode::none;
  // The latest epoch in the log that is not above the one asked about. -1: the log has none.
  std::int32_t leader_epoch = k_no_leader_epoch;
  // Behind that epoch's last record: where the next epoch begins, or the end of the log. -1 as above.
  Position end{-1};
};

struct OffsetForLeaderEpochResponse {
  std::int32_t throttle_ms = 0;
  // In the broker's order. One that was asked for and is missing is the caller's to notice.
  std::vector<EpochEnd> partitions;
};

// Error: unreadable_response().
Result<OffsetForLeaderEpochResponse> decode_offset_for_leader_epoch(Bytes body, std::int16_t version);

}  // namespace penstock::wire
