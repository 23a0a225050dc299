// ListOffsets v1-v5: where does a partition's log begin, where does it end, and where is it at a time? The end is that of
// committed records (the last stable offset) from v2 on.
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

constexpr std::int64_t k_timestamp_end = -1;
constexpr std::int64_t k_timestamp_start = -2;

struct ListOffsetsPartition {
  std::string_view topic;
  Partition partition;
  std::int64_t timestamp_ms =
      k_timestamp_end;  // Unix time: the first record at or after it; or one of the above
  std::int32_t leader_epoch = k_no_leader_epoch;  // the one we think current; sent from v4 on
};

struct ListOffsetsRequest {
  std::span<const ListOffsetsPartition> partitions;  // a topic's stand together
};

void encode_list_offsets(Buffer& out, std::int16_t version, const ListOffsetsRequest& request);

struct ListedOffset {
  std::string_view topic;  // lies in the body
  Partition partition;
  ErrorCode error_code = ErrorCode::none;
  // That of the record found by time. -1 for start and end.
  std::int64_t timestamp_ms = -1;
  // -1: there is no record at or after the time.
  Position position{-1};
  // From v4 on.
  std::int32_t leader_epoch = k_no_leader_epoch;
};

struct ListOffsetsResponse {
  std::int32_t throttle_ms = 0;  // from v2 on
  std::vector<ListedOffset> partitions;
};

Result<ListOffsetsResponse> decode_list_offsets(Bytes body, std::int16_t version);

}  // namespace penstock::wire
