// Kafka lists partitions by topic, we have them as a row. In a request, those of one topic that stand side by
// side become one entry, so a topic's partitions should stand together:
//
//   orders 0, orders 3, clicks 0   is written as   2 topics: "orders" with 2 partitions, "clicks" with 1
//
// A response becomes a row again.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace penstock::wire {

// Writes  array: topic string | array: whatever write_partition(item) writes.  An Item has a `topic`.
template <class Item, class WritePartition>
void write_topic_runs(ByteWriter& writer, std::span<const Item> items, WritePartition write_partition) {
  const auto run_end = [&](std::size_t begin) {
    std::size_t end = begin + 1;
    while (end < items.size() && items[end].topic == items[begin].topic) {
      ++end;
    }
    return end;
  };
  std::size_t runs = 0;
  for (std::size_t at = 0; at < items.size(); at = run_end(at)) {
    ++runs;
  }
  writer.array_count(runs);
  for (std::size_t at = 0; at < items.size();) {
    const std::size_t end = run_end(at);
    writer.string(items[at].topic);
    writer.array_count(end - at);
    for (; at < end; ++at) {
      write_partition(items[at]);
    }
  }
}

// Reads  array: topic string | array: whatever read_partition(topic) reads.  A partition has
// `partition_bytes_min` bytes or more. Counts that cannot be are bad. After the reader turned bad nothing
// more is read.
template <class ReadPartition>
void read_topics(ByteReader& reader, std::size_t partition_bytes_min, ReadPartition read_partition) {
  constexpr std::size_t k_topic_bytes_min = 2 + 4;
  const std::size_t topic_count = reader.array_count(k_topic_bytes_min);
  for (std::size_t i = 0; i < topic_count && reader.ok(); ++i) {
    const std::string_view topic = reader.string();
    const std::size_t partition_count = reader.array_count(partition_bytes_min);
    for (std::size_t j = 0; j < partition_count && reader.ok(); ++j) {
      read_partition(topic);
    }
  }
}

}  // namespace penstock::wire
