// Do the blobs' ranges tile? Blobs come in the order of their names, in any order of their ranges; of each
// only its ranges are kept, merged. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/types.h"
#include "verify/blob_facts.h"
#include "verify/interval_set.h"

namespace penstock::verify {

struct Tiles {
  IntervalSet held;   // by at least one blob
  IntervalSet twice;  // by two at least
  IntervalSet lost;   // said to be lost, by whoever lost it
  std::uint64_t blob_count = 0;
};

class Tiling {
 public:
  using Partitions = std::map<Partition, Tiles>;

  void add(const BlobFacts& facts);  // of Kind::data

  // None: no blob has that partition.
  const Tiles* find(const TopicPartition& id) const;
  const std::map<std::string, Partitions>& topics() const { return topics_; }
  bool any_twice() const { return any_twice_; }

 private:
  std::map<std::string, Partitions> topics_;
  bool any_twice_ = false;
};

// Which blobs hold the positions that are held twice: the same blobs, seen a second time.
class Overlaps {
 public:
  static constexpr std::size_t k_overlaps_max = 1000;  // whose blobs are named
  static constexpr std::size_t k_names_max = 8;        // an overlap; the others are counted

  struct Overlap {
    TopicPartition id;
    Range range;
    std::vector<std::string> names;
    std::uint64_t blob_count = 0;
  };

  explicit Overlaps(const Tiling& tiling);
  void look(const BlobFacts& facts);  // of Kind::data
  std::vector<Overlap> take() &&;     // those past k_overlaps_max without names

 private:
  std::map<std::string, std::map<Partition, std::map<Position, Overlap>>> overlaps_;
  std::size_t named_ = 0;
};

}  // namespace penstock::verify
