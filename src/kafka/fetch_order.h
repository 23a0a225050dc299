// In which order a Fetch asks for partitions: the broker fills its response in that order until it is full,
// so whoever was served goes to the back, and a long backlog does not starve the others. A topic's partitions
// stay together, as a request names each topic once. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/types.h"

namespace penstock::kafka {

class FetchOrder {
 public:
  void add(const std::string& topic, PartitionSlot slot);
  void remove(const std::string& topic, PartitionSlot slot);
  void clear() { topics_.clear(); }
  bool empty() const { return topics_.empty(); }

  // The partition moves behind the others of its topic, and the topic behind the others.
  void served(const std::string& topic, PartitionSlot slot);

  // visit(PartitionSlot) for each, first the one whose turn it is.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Topic& topic : topics_) {
      for (const PartitionSlot slot : topic.slots) {
        visit(slot);
      }
    }
  }

 private:
  struct Topic {
    std::string name;
    std::vector<PartitionSlot> slots;
  };
  std::vector<Topic>::iterator find(const std::string& topic);

  std::vector<Topic> topics_;
};

}  // namespace penstock::kafka
