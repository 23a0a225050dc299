#include "verify/tiling.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/partition_range.h"

namespace penstock::verify {

void Tiling::add(const BlobFacts& facts) {
  CHECK(facts.kind == BlobFacts::Kind::data);
  Partitions& partitions = topics_[facts.metadata.topic];
  for (const PartitionRange& part : facts.metadata.ranges) {
    Tiles& tiles = partitions[part.partition];
    ++tiles.blob_count;
    for (const Range& again : tiles.held.add(part.range)) {
      tiles.twice.add(again);
      any_twice_ = true;
    }
  }
  for (const PartitionRange& part : facts.metadata.lost) {
    partitions[part.partition].lost.add(part.range);
  }
}

const Tiles* Tiling::find(const TopicPartition& id) const {
  const auto topic = topics_.find(id.topic);
  if (topic == topics_.end()) {
    return nullptr;
  }
  const auto tiles = topic->second.find(id.partition);
  return tiles == topic->second.end() ? nullptr : &tiles->second;
}

Overlaps::Overlaps(const Tiling& tiling) {
  for (const auto& [topic, partitions] : tiling.topics()) {
    for (const auto& [partition, tiles] : partitions) {
      for (const Range& range : tiles.twice.intervals()) {
        overlaps_[topic][partition].emplace(
            range.first, Overlap{.id = {topic, partition}, .range = range, .names = {}, .blob_count = 0});
      }
    }
  }
}

void Overlaps::look(const BlobFacts& facts) {
  const auto topic = overlaps_.find(facts.metadata.topic);
  if (topic == overlaps_.end()) {
    return;
  }
  for (const PartitionRange& part : facts.metadata.ranges) {
    const auto partition = topic->second.find(part.partition);
    if (partition == topic->second.end()) {
      continue;
    }
    auto& by_first = partition->second;
    auto at = by_first.upper_bound(part.range.first);
    if (at != by_first.begin()) {
      --at;
    }
    for (; at != by_first.end() && at->first < part.range.next; ++at) {
      Overlap& overlap = at->second;
      if (overlap.range.next <= part.range.first) {
        continue;
      }
      ++overlap.blob_count;
      if (overlap.names.empty() ? named_ < k_overlaps_max : overlap.names.size() < k_names_max) {
        named_ += overlap.names.empty() ? 1 : 0;
        overlap.names.push_back(facts.name);
      }
    }
  }
}

std::vector<Overlaps::Overlap> Overlaps::take() && {
  std::vector<Overlap> all;
  for (auto& [topic, partitions] : overlaps_) {
    for (auto& [partition, by_first] : partitions) {
      for (auto& [first, overlap] : by_first) {
        all.push_back(std::move(overlap));
      }
    }
  }
  return all;
}

}  // namespace penstock::verify
