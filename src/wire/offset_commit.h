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
  std::optional<std::string_view> metadata;  // nullopt is sent as null
};

// Generation -1 is what a broker takes from anybody while the group is empty: a stamped commit never has it.
struct OffsetCommitRequest {
  std::string_view group;
  std::int32_t generation = -1;
  std::string_view member_id;
  std::optional<std::string_view> instance_id;        // of a static member; sent from v7 on
  std::span<const OffsetCommitPartition> partitions;  // a topic's stand together
};

void encode_offset_commit(Buffer& out, std::int16_t version, const OffsetCommitRequest& request);

struct PartitionCommit {
  std::string_view topic;  // lies in the body
  Partition partition;
  ErrorCode error_code = ErrorCode::none;
};

struct OffsetCommitResponse {
  std::int32_t throttle_ms = 0;  // from v3 on
  std::vector<PartitionCommit> partitions;
};

// A partition that was sent and is not answered for has an unknown outcome: that is the caller's to notice.
Result<OffsetCommitResponse> decode_offset_commit(Bytes body, std::int16_t version);

}  // namespace penstock::wire
