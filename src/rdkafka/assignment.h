// The partitions of one assignment with their positions: which slot a message belongs to, and whether it is
// the next one. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/types.h"
#include "source/source.h"

namespace penstock::rdkafka {

class Assignment {
 public:
  // How far the reading of one partition has come.
  struct Reading {
    TopicPartition id;
    Position position;
    Position log_end{-1};
    Position refetched{-1};  // the position a corrupt batch was fetched again at
    bool held = true;        // no records until fetch_from()
    bool waiting = false;    // Source's partition_waits was told
    bool failed = false;     // its records stop for the rest of this assignment

    bool fetching() const { return !held && !failed; }
  };

  void start(std::span<const source::Assigned> partitions);
  void clear();

  std::size_t size() const { return readings_.size(); }
  Reading& operator[](PartitionSlot slot) { return readings_[slot.value]; }
  const Reading& operator[](PartitionSlot slot) const { return readings_[slot.value]; }

  // None: the partition is not of this assignment. Asked once per run of records, not per record.
  std::optional<PartitionSlot> find(std::string_view topic, Partition partition) const;

 private:
  using Key = std::pair<std::string_view, std::int32_t>;  // the name lives in readings_
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string_view>{}(key.first) * 31 + static_cast<std::size_t>(key.second);
    }
  };

  std::vector<Reading> readings_;
  std::unordered_map<Key, PartitionSlot, KeyHash> by_name_;
};

}  // namespace penstock::rdkafka
