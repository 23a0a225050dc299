// Metadata v4-v12: the brokers, and who leads which partition. Never makes the broker create a topic.
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

struct MetadataRequest {
  // Empty: only the brokers are told.
  std::span<const std::string_view> topics;
};

void encode_metadata(Buffer& out, std::int16_t version, const MetadataRequest& request);

struct Broker {
  BrokerId id{-1};
  // Lies in the body, as all texts here.
  std::string_view host;
  std::int32_t port = 0;
};

struct PartitionMetadata {
  ErrorCode error_code = ErrorCode::none;
  Partition partition;
  // -1: none at the moment.
  BrokerId leader{-1};
  // From v7 on.
  std::int32_t leader_epoch = k_no_leader_epoch;
};

struct TopicMetadata {
  ErrorCode error_code = ErrorCode::none;
  std::string_view name;
  // 16 bytes from v10 on, all zero where the broker has no such topic. Before: none.
  Bytes id;
  // In the broker's order, which is any.
  std::vector<PartitionMetadata> partitions;
};

struct MetadataResponse {
  std::int32_t throttle_ms = 0;
  std::vector<Broker> brokers;
  std::vector<TopicMetadata> topics;
};

// Error: unreadable_response(). The codes of topics and partitions are the caller's to read.
Result<MetadataResponse> decode_metadata(Bytes body, std::int16_t version);

}  // namespace penstock::wire
