// Limits that Kafka and Azure set, where several modules must know the same number and may not include each
// other.
//
// A limit that one module alone needs is declared by that module.
#pragma once

#include <cstddef>
#include <cstdint>

namespace penstock {

// Kafka: the most bytes that a topic's name has. Source: org.apache.kafka.common.internals.Topic,
// MAX_NAME_LENGTH.
inline constexpr std::size_t k_topic_bytes_max = 249;

// Azure Blob Storage: the most blocks that one blob is committed of.
// https://learn.microsoft.com/rest/api/storageservices/put-block-list
inline constexpr std::uint64_t k_blocks_per_blob_max = 50'000;

}  // namespace penstock
