#include "kafka/fetch_order.h"

#include <algorithm>

namespace penstock::kafka {

std::vector<FetchOrder::Topic>::iterator FetchOrder::find(const std::string& topic) {
  return std::find_if(topics_.begin(), topics_.end(), [&](const Topic& each) { return each.name == topic; });
}

void FetchOrder::add(const std::string& topic, PartitionSlot slot) {
  auto found = find(topic);
  if (found == topics_.end()) {
    topics_.push_back({topic, {}});
    found = topics_.end() - 1;
  }
  found->slots.push_back(slot);
}

void FetchOrder::remove(const std::string& topic, PartitionSlot slot) {
  const auto found = find(topic);
  if (found == topics_.end()) {
    return;
  }
  std::erase(found->slots, slot);
  if (found->slots.empty()) {
    topics_.erase(found);
  }
}

void FetchOrder::served(const std::string& topic, PartitionSlot slot) {
  const auto found = find(topic);
  if (found == topics_.end()) {
    return;
  }
  const auto at = std::find(found->slots.begin(), found->slots.end(), slot);
  if (at == found->slots.end()) {
    return;
  }
  std::rotate(at, at + 1, found->slots.end());
  std::rotate(found, found + 1, topics_.end());
}

}  // namespace penstock::kafka
