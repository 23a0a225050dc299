// OffsetCommit v2-v7: writes entries of the group, each an offset and a metadata string. What each error code
// means for the commit is in broker_errors.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"

namespace penstock::wire {

struct OffsetCommitPartition {
  std::string_view topic;
  Partition partition;
  Position position;
  // nullopt is sent as null.
  std::optional<std::string_view> metadata;
  // Of the last record before the position. Sent from v6 on.
  std::int32_t leader_epoch = k_no_leader_epoch;
};

// A broker takes generation -1 from anybody while the group is empty. A stamped commit never has it.
struct OffsetCommitRequest {
  std::string_view group;
  std::int32_t generation = -1;
  std::string_view member_id;
  // Of a static member. Sent from v7 on.
  std::optional<std::string_view> instance_id;
  // Those of one topic stand together.
  std::span<const OffsetCommitPartition> partitions;
};

void encode_offset_commit(Buffer& out, std::int16_t version, const OffsetCommitRequest& request);

struct PartitionCommit {
  // Lies in the body.
  std::string_view topic;
  Partition partition;
  ErrorCode error_code = ErrorCode::none;
};

struct OffsetCommitResponse {
  // From v3 on.
  std::int32_t throttle_ms = 0;
  std::vector<PartitionCommit> partitions;
};

// Error: unreadable_response(), after which the outcome of the commit is unknown. So is that of a partition
// that was sent and is not in the answer, which the caller has to notice.
Result<OffsetCommitResponse> decode_offset_commit(Bytes body, std::int16_t version);

}  // namespace penstock::wire
