#include "rdkafka/assignment.h"

namespace penstock::rdkafka {

void Assignment::start(std::span<const source::Assigned> partitions) {
  clear();
  readings_.reserve(partitions.size());
  for (const source::Assigned& partition : partitions) {
    readings_.push_back({.id = partition.id, .position = partition.start});
    by_name_.emplace(Key{readings_.back().id.topic, partition.id.partition.value},
                     PartitionSlot{static_cast<std::uint32_t>(readings_.size() - 1)});
  }
}

void Assignment::clear() {
  by_name_.clear();
  readings_.clear();
}

std::optional<PartitionSlot> Assignment::find(std::string_view topic, Partition partition) const {
  const auto found = by_name_.find(Key{topic, partition.value});
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace penstock::rdkafka
