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

namespace penstock::wire {

struct OffsetFetchPartition {
  std::string_view topic;
  Partition partition;
};

struct OffsetFetchRequest {
  std::string_view group;
  std::span<const OffsetFetchPartition> partitions;  // a topic's stand together
};

void encode_offset_fetch(Buffer& out, std::int16_t version, const OffsetFetchRequest& request);

struct CommittedOffset {
  std::string_view topic;  // lies in the body, as all texts here
  Partition partition;
  std::int16_t error_code = 0;  // if not 0 nothing else here means anything, "no entry" least of all
  Position position{-1};        // -1: the group has no entry
  std::int32_t leader_epoch = k_no_leader_epoch;  // from v5 on
  std::string_view metadata;                      // null is given as empty
};

struct OffsetFetchResponse {
  std::int32_t throttle_ms = 0;  // from v3 on
  std::int16_t error_code = 0;   // of the whole request, from v2 on; v1 says it for each partition
  std::vector<CommittedOffset> partitions;
};

// A broker that answers for fewer or other partitions than were asked is the caller's to notice.
Result<OffsetFetchResponse> decode_offset_fetch(Bytes body, std::int16_t version);

}  // namespace penstock::wire
