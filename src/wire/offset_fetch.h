// OffsetFetch v1-v5: what has the group committed for these partitions?
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

struct OffsetFetchPartition {
  std::string_view topic;
  Partition partition;
};

struct OffsetFetchRequest {
  std::string_view group;
  // Those of one topic stand together.
  std::span<const OffsetFetchPartition> partitions;
};

void encode_offset_fetch(Buffer& out, std::int16_t version, const OffsetFetchRequest& request);

struct CommittedOffset {
  // Lies in the body, as all texts here.
  std::string_view topic;
  Partition partition;
  // If it is not none, nothing else here means anything. It does not mean "no entry".
  ErrorCode error_code = ErrorCode::none;
  // -1: the group has no entry.
  Position position{-1};
  // From v5 on.
  std::int32_t leader_epoch = k_no_leader_epoch;
  // Null is given as empty.
  std::string_view metadata;
};

struct OffsetFetchResponse {
  // From v3 on.
  std::int32_t throttle_ms = 0;
  // Of the whole request, from v2 on. In v1 each partition has it.
  ErrorCode error_code = ErrorCode::none;
  std::vector<CommittedOffset> partitions;
};

// Error: unreadable_response(). A broker that answers for fewer or other partitions than were asked is the
// caller's to notice.
Result<OffsetFetchResponse> decode_offset_fetch(Bytes body, std::int16_t version);

}  // namespace penstock::wire
