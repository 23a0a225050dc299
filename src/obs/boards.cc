#include "obs/boards.h"

namespace penstock::obs {

TopicMetrics& TopicBoard::of(std::string_view topic) {
  const std::scoped_lock lock(mutex_);
  for (TopicMetrics& known : topics_) {
    if (known.topic == topic) {
      return known;
    }
  }
  return topics_.emplace_back(topic);
}

std::vector<TopicTotals> TopicBoard::totals() const {
  const std::scoped_lock lock(mutex_);
  std::vector<TopicTotals> totals;
  totals.reserve(topics_.size());
  for (const TopicMetrics& topic : topics_) {
    totals.push_back({topic.topic, topic.records.value(), topic.bytes.value(), topic.blobs.value()});
  }
  return totals;
}

void PartitionBoard::exchange(std::vector<PartitionRow>& rows) {
  const std::scoped_lock lock(mutex_);
  rows_.swap(rows);
}

std::vector<PartitionRow> PartitionBoard::rows() const {
  const std::scoped_lock lock(mutex_);
  return rows_;
}

}  // namespace penstock::obs
