#include "obs/boards.h"

#include <algorithm>

namespace penstock::obs {

std::array<std::uint64_t, k_quarantine_reasons> QuarantineCounters::values() const {
  std::array<std::uint64_t, k_quarantine_reasons> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = counters_[i].value();
  }
  return values;
}

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
    totals.push_back({.topic = topic.topic,
                      .records = topic.records.value(),
                      .bytes = topic.bytes.value(),
                      .blobs = topic.blobs.value(),
                      .quarantined = topic.quarantined.values(),
                      .refused = topic.refused.value() != 0});
  }
  return totals;
}

void CodeBoard::count(std::string_view code) {
  const std::scoped_lock lock(mutex_);
  const std::string name(code);
  const bool has_room = totals_.contains(name) || totals_.size() < k_codes_max;
  ++totals_[has_room ? name : "other"];
}

std::map<std::string, std::uint64_t> CodeBoard::totals() const {
  const std::scoped_lock lock(mutex_);
  return totals_;
}

std::int64_t PartitionRow::lag_records() const {
  return log_end.value < 0 ? std::int64_t{-1} : std::max<std::int64_t>(0, log_end.value - committed.value);
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
