// The domain's own numbers as types, so that a partition is never passed for an offset.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace penstock {

// A number of one kind. It compares only with its own kind, and converts to nothing by itself.
template <class Tag, class Rep>
struct Strong {
  Rep value{};

  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
};

// A Kafka partition's number within its topic.
using Partition = Strong<struct PartitionTag, std::int32_t>;

// An offset of a record, as the broker gave it.
using Offset = Strong<struct OffsetTag, std::int64_t>;

// The next offset to read. Positions bound ranges, because control records and compaction leave holes between
// offsets.
using Position = Strong<struct PositionTag, std::int64_t>;

// The place of a partition in its worker's current assignment: dense from 0, valid until that assignment
// ends.
using PartitionSlot = Strong<struct PartitionSlotTag, std::uint32_t>;

// Where reading goes on behind the record at `offset`.
constexpr Position after(Offset offset) {
  return Position{offset.value + 1};
}

// Names a partition of the cluster. Ordered by topic, then by number.
struct TopicPartition {
  std::string topic;
  Partition partition;

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// "topic orders, partition 3": how sentences for an operator name a partition.
std::string named(const TopicPartition& id);

// [first, next): the positions of one partition that a batch, a chunk or a commit covers.
struct Range {
  Position first;
  Position next;

  friend constexpr auto operator<=>(const Range&, const Range&) = default;
};

// Names one batch for ever: the writer's random incarnation and its counter. Never used twice.
struct BatchId {
  std::uint64_t incarnation = 0;
  std::uint64_t counter = 0;

  friend constexpr auto operator<=>(const BatchId&, const BatchId&) = default;
};

// Bytes in memory that somebody else owns. Whoever hands them over says how long they stay valid.
using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

// The same memory under the other name; nothing is copied.
inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace penstock

template <>
struct std::hash<penstock::TopicPartition> {
  std::size_t operator()(const penstock::TopicPartition& tp) const noexcept {
    return std::hash<std::string>{}(tp.topic) * 31 + static_cast<std::size_t>(tp.partition.value);
  }
};
