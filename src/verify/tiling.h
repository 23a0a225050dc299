// Do the blobs' ranges tile? Blobs come in the order of their names, in any order of their ranges; of each
// only its ranges are kept, merged. Pure.
//
// A topic that is deleted and made anew keeps its name, and its offsets begin again. Each of its incarnations
// is a log of its own, told by the topic's id, and ranges tile within one. Blobs may not say the id: brokers
// have none, or an early penstock did not write it. Where one id alone is known for the topic they are of
// that one. Where several are known they may be of any, so they are looked at apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
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
  IntervalSet bare;   // said to have no lines, by the blob behind them
  std::uint64_t blob_count = 0;
};

class Tiling {
 public:
  // By topic id; "" has what blobs hold that do not say it.
  using Incarnations = std::map<std::string, Tiles>;
  using Partitions = std::map<Partition, Incarnations>;

  void add(const BlobFacts& facts);  // of Kind::data

  // Once all are added: which incarnation is the group's now, of each partition. `of_entries` has the ids
  // that the group's entries name. Of another partition it is the one that the topic's entries name, if they
  // agree, and else that of the blob with the greatest name, as names carry the time at which a file was
  // begun.
  void settle(const std::map<TopicPartition, std::string>& of_entries);

  // The rest is of what settle() found.

  // The incarnation that a blob of this topic belongs to, as it says itself.
  const std::string& incarnation_of(const std::string& topic, const std::string& said) const;
  // The group's, of this partition; empty where no id is known.
  const std::string& current(const TopicPartition& id) const;
  // The latest of the topic.
  const std::string& newest(const std::string& topic) const;
  // Whether the topic has more than one.
  bool made_anew(const std::string& topic) const;

  // Of the current incarnation. None: no blob has that partition.
  const Tiles* find(const TopicPartition& id) const;
  const std::map<std::string, Partitions>& topics() const { return topics_; }
  bool any_twice() const { return any_twice_; }

 private:
  struct Ids {
    std::set<std::string> known;
    std::string latest;  // in the blob with the greatest name
    std::string newest;
  };

  void join_unknown(const std::string& topic, const std::string& id);

  std::map<std::string, Partitions> topics_;
  std::map<std::string, Ids> ids_;  // by topic
  std::map<TopicPartition, std::string> of_entries_;
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
    bool maybe_two_topics = false;  // the blobs do not say of which of the topics they are
  };

  explicit Overlaps(const Tiling& tiling);  // settled; outlives it
  void look(const BlobFacts& facts);        // of Kind::data
  std::vector<Overlap> take() &&;           // those past k_overlaps_max without names

 private:
  struct Log {
    Partition partition;
    std::string incarnation;
    friend auto operator<=>(const Log&, const Log&) = default;
  };

  const Tiling& tiling_;
  std::map<std::string, std::map<Log, std::map<Position, Overlap>>> overlaps_;
  std::size_t named_ = 0;
};

}  // namespace penstock::verify
