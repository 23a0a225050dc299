#include "source/bounded_source.h"

#include <algorithm>
#include <utility>

namespace penstock::source {

BoundedSource::BoundedSource(std::unique_ptr<Source> inner, std::map<TopicPartition, Position> ends)
    : ForwardingSource(std::move(inner)), ends_(std::move(ends)) {}

Result<void> BoundedSource::start(SourceHandlers handlers) {
  handlers.assigned = [this, told = std::move(handlers.assigned)](std::span<const Assigned> partitions) {
    assign(partitions);
    told(partitions);
  };
  return inner().start(std::move(handlers));
}

void BoundedSource::assign(std::span<const Assigned> partitions) {
  is_cut_ = false;
  bounds_.clear();
  for (const Assigned& partition : partitions) {
    const auto end = ends_.find(partition.id);
    bounds_.push_back(
        {.end = end != ends_.end() ? std::optional(end->second) : std::nullopt, .stands_at = std::nullopt});
  }
}

bool BoundedSource::is_behind(const Bound& bound, Position position) const {
  return !bound.end || position >= *bound.end;
}

const RecordSpan* BoundedSource::front() {
  const RecordSpan* span = inner().front();
  is_cut_ = false;
  if (span == nullptr) {
    return nullptr;
  }
  const Bound& bound = bounds_.at(span->slot.value);
  if (!bound.end || span->next <= *bound.end) {
    return span;
  }
  const auto behind = std::partition_point(
      span->records.begin(), span->records.end(),
      [end = *bound.end](const RecordView& record) { return record.offset.value < end.value; });
  const auto count = static_cast<std::size_t>(behind - span->records.begin());
  cut_ = {.slot = span->slot,
          .records = span->records.first(count),
          .next = *bound.end,
          .lost = span->lost && count == span->records.size()};
  is_cut_ = true;
  return &cut_;
}

// At the end what the inner source has behind it is forgotten.
void BoundedSource::taken(std::size_t count) {
  inner().taken(count);
  if (std::exchange(is_cut_, false) && count == cut_.records.size()) {
    bounds_.at(cut_.slot.value).stands_at = cut_.next;
    inner().hold(cut_.slot);
  }
}

void BoundedSource::forget_cut(PartitionSlot slot) {
  is_cut_ = is_cut_ && cut_.slot != slot;
}

void BoundedSource::hold(PartitionSlot slot) {
  forget_cut(slot);
  inner().hold(slot);
}

void BoundedSource::distrust(PartitionSlot slot, Position position) {
  forget_cut(slot);
  inner().distrust(slot, position);
}

void BoundedSource::fetch_from(PartitionSlot slot, Position position) {
  forget_cut(slot);
  Bound& bound = bounds_.at(slot.value);
  if (is_behind(bound, position)) {
    bound.stands_at = position;
    inner().hold(slot);
    return;
  }
  bound.stands_at.reset();
  inner().fetch_from(slot, position);
}

void BoundedSource::release() {
  bounds_.clear();
  is_cut_ = false;
  inner().release();
}

void BoundedSource::partition_states(std::vector<PartitionState>& states) const {
  inner().partition_states(states);
  for (PartitionState& state : states) {
    if (state.slot.value >= bounds_.size()) {
      continue;
    }
    const Bound& bound = bounds_[state.slot.value];
    if (bound.stands_at) {
      state.position = *bound.stands_at;
      state.log_end = *bound.stands_at;
      state.at_end_mark = true;
    } else if (bound.end && state.log_end.value >= 0) {
      state.log_end = std::min(state.log_end, *bound.end);
    }
  }
}

}  // namespace penstock::source
