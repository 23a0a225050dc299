// Metadata v4-v7: the brokers, and who leads which partition. Never makes the broker create a topic.
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
  std::span<const std::string_view> topics;  // none: only the brokers are told
};

void encode_metadata(Buffer& out, std::int16_t version, const MetadataRequest& request);

struct Broker {
  BrokerId id{-1};
  std::string_view host;  // lies in the body, as all texts here
  std::int32_t port = 0;
};

struct PartitionMetadata {
  ErrorCode error_code = ErrorCode::none;
  Partition partition;
  BrokerId leader{-1};                            // -1: none at the moment
  std::int32_t leader_epoch = k_no_leader_epoch;  // from v7 on
};

struct TopicMetadata {
  ErrorCode error_code = ErrorCode::none;
  std::string_view name;
  std::vector<PartitionMetadata> partitions;  // in the broker's order, which is any
};

struct MetadataResponse {
  std::int32_t throttle_ms = 0;
  std::vector<Broker> brokers;
  std::vector<TopicMetadata> topics;
};

Result<MetadataResponse> decode_metadata(Bytes body, std::int16_t version);

}  // namespace penstock::wire
