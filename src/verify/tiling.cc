// How it works. A log is a topic's partition, and the topic's id where blobs tell it: a topic that was made
// anew has a log of its own. Each blob adds its ranges to their logs. An example of one log:
//
//   blob a [0, 50)   blob b [50, 80)   blob c [70, 90)   blob d [95, 99)
//
// b and c overlap in [70, 80), and [90, 95) is a gap. A blob without an id belongs to the only id that is
// known of its topic. Where several are known it is judged apart.
#include "verify/tiling.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/partition_range.h"

namespace penstock::verify {

void Tiling::add(const BlobFacts& facts) {
  CHECK(facts.kind == BlobFacts::Kind::data);
  const std::string& topic_id = facts.metadata.topic_id;
  Partitions& partitions = topics_[facts.metadata.topic];
  for (const PartitionRange& part : facts.metadata.ranges) {
    Tiles& tiles = partitions[part.partition][topic_id];
    ++tiles.blob_count;
    for (const Range& again : tiles.held.add(part.range)) {
      tiles.twice.add(again);
      any_twice_ = true;
    }
  }
  for (const PartitionRange& part : facts.metadata.lost) {
    partitions[part.partition][topic_id].lost.add(part.range);
  }
  for (const PartitionRange& part : facts.metadata.before) {
    partitions[part.partition][topic_id].bare.add(part.range);
  }
  if (!topic_id.empty()) {
    Ids& ids = ids_[facts.metadata.topic];
    ids.known.insert(topic_id);
    ids.latest = topic_id;
  }
}

void Tiling::settle(const std::map<TopicPartition, std::string>& of_entries) {
  of_entries_ = of_entries;
  std::map<std::string, std::set<std::string>> named;
  for (const auto& [id, topic_id] : of_entries) {
    named[id.topic].insert(topic_id);
    ids_[id.topic].known.insert(topic_id);
  }
  for (auto& [topic, ids] : ids_) {
    const std::set<std::string>& by_entries = named[topic];
    ids.newest = by_entries.size() == 1 || ids.latest.empty() ? *by_entries.begin() : ids.latest;
    if (ids.known.size() == 1) {
      join_unknown(topic, ids.newest);
    }
  }
}

void Tiling::join_unknown(const std::string& topic, const std::string& id) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) {
    return;
  }
  for (auto& [partition, incarnations] : found->second) {
    const auto unknown = incarnations.find("");
    if (unknown == incarnations.end()) {
      continue;
    }
    const Tiles taken = std::move(unknown->second);
    incarnations.erase(unknown);
    Tiles& tiles = incarnations[id];
    tiles.blob_count += taken.blob_count;
    for (const Range& range : taken.twice.intervals()) {
      tiles.twice.add(range);
    }
    for (const Range& range : taken.lost.intervals()) {
      tiles.lost.add(range);
    }
    for (const Range& range : taken.bare.intervals()) {
      tiles.bare.add(range);
    }
    for (const Range& range : taken.held.intervals()) {
      for (const Range& again : tiles.held.add(range)) {
        tiles.twice.add(again);
        any_twice_ = true;
      }
    }
  }
}

const std::string& Tiling::incarnation_of(const std::string& topic, const std::string& said) const {
  const auto ids = ids_.find(topic);
  return said.empty() && ids != ids_.end() && ids->second.known.size() == 1 ? ids->second.newest : said;
}

const std::string& Tiling::current(const TopicPartition& id) const {
  const auto entry = of_entries_.find(id);
  return entry == of_entries_.end() ? newest(id.topic) : entry->second;
}

const std::string& Tiling::newest(const std::string& topic) const {
  static const std::string unknown;
  const auto ids = ids_.find(topic);
  return ids == ids_.end() ? unknown : ids->second.newest;
}

bool Tiling::made_anew(const std::string& topic) const {
  const auto ids = ids_.find(topic);
  return ids != ids_.end() && ids->second.known.size() > 1;
}

const Tiles* Tiling::find(const TopicPartition& id) const {
  const auto topic = topics_.find(id.topic);
  if (topic == topics_.end()) {
    return nullptr;
  }
  const auto partition = topic->second.find(id.partition);
  if (partition == topic->second.end()) {
    return nullptr;
  }
  const auto tiles = partition->second.find(current(id));
  return tiles == partition->second.end() ? nullptr : &tiles->second;
}

Overlaps::Overlaps(const Tiling& tiling) : tiling_(tiling) {
  for (const auto& [topic, partitions] : tiling.topics()) {
    for (const auto& [partition, incarnations] : partitions) {
      for (const auto& [incarnation, tiles] : incarnations) {
        for (const Range& range : tiles.twice.intervals()) {
          overlaps_[topic][Log{partition, incarnation}].emplace(
              range.first, Overlap{.id = {topic, partition},
                                   .range = range,
                                   .names = {},
                                   .blob_count = 0,
                                   .maybe_two_topics = incarnation.empty() && tiling.made_anew(topic)});
        }
      }
    }
  }
}

void Overlaps::look(const BlobFacts& facts) {
  const auto topic = overlaps_.find(facts.metadata.topic);
  if (topic == overlaps_.end()) {
    return;
  }
  const std::string& incarnation = tiling_.incarnation_of(facts.metadata.topic, facts.metadata.topic_id);
  for (const PartitionRange& part : facts.metadata.ranges) {
    const auto partition = topic->second.find(Log{part.partition, incarnation});
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
