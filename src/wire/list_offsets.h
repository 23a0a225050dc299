// ListOffsets v1-v5: where does a partition's log begin, where does it end, and where is it at a time? From
// v2 on the end is that of committed records (the last stable offset).
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
  // Unix time, which asks for the first record at or after it. Or one of the two above.
  std::int64_t timestamp_ms = k_timestamp_end;
  // The one that we think current. Sent from v4 on.
  std::int32_t leader_epoch = k_no_leader_epoch;
};

struct ListOffsetsRequest {
  // Those of one topic stand together.
  std::span<const ListOffsetsPartition> partitions;
};

void encode_list_offsets(Buffer& out, std::int16_t version, const ListOffsetsRequest& request);

struct ListedOffset {
  // Lies in the body.
  std::string_view topic;
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
  // From v2 on.
  std::int32_t throttle_ms = 0;
  // In the broker's order. One that was asked for and is missing is the caller's to notice.
  std::vector<ListedOffset> partitions;
};

// Error: unreadable_response().
Result<ListOffsetsResponse> decode_list_offsets(Bytes body, std::int16_t version);

}  // namespace penstock::wire
