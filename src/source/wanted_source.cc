// How it works. For example, offsets 3 and 7 of a partition are wanted, and the group has no position:
//
// 1. The pipeline begins at 3, which is the lowest. Had it a position of 1, the inner source would still be
//    sent to 3, as nothing between the two is wanted.
// 2. The inner front has the records 3, 4, 5, 6, 7, 8, and goes on at 9. Ours has 3 and 7, and goes on at 9.
// 3. The pipeline takes one of the two. The inner source is told that four were taken, since the next wanted
//    record is its fifth. What it gives next has 7 and 8.
// 4. The pipeline takes 7, which is all of ours. The inner source is told that both were taken.
#include "source/wanted_source.h"

#include <algorithm>
#include <utility>

namespace penstock::source {
namespace {

const std::vector<Range> k_nothing;

// The first range that ends behind `position`.
std::vector<Range>::const_iterator reaching(const std::vector<Range>& wanted, Position position) {
  return std::partition_point(wanted.begin(), wanted.end(),
                              [position](const Range& range) { return range.next <= position; });
}

bool any_between(const std::vector<Range>& wanted, Position first, Position next) {
  const auto at = reaching(wanted, first);
  return at != wanted.end() && at->first < next;
}

}  // namespace

WantedSource::WantedSource(std::unique_ptr<Source> inner, std::shared_ptr<const WantedOffsets> wanted)
    : ForwardingSource(std::move(inner)), wanted_(std::move(wanted)) {}

Result<void> WantedSource::start(SourceHandlers handlers) {
  handlers.assigned = [this, told = std::move(handlers.assigned)](std::span<const Assigned> partitions) {
    assign(partitions);
    told(partitions);
  };
  handlers.moved = [this, told = std::move(handlers.moved)](PartitionSlot slot, Position position,
                                                            const std::string& topic_id) {
    readings_.at(slot.value).moved_to = position;
    told(slot, position, topic_id);
  };
  return inner().start(std::move(handlers));
}

void WantedSource::assign(std::span<const Assigned> partitions) {
  readings_.clear();
  for (const Assigned& partition : partitions) {
    const auto found = wanted_->find(partition.id);
    readings_.push_back(
        {.wanted = found != wanted_->end() ? &found->second : &k_nothing, .moved_to = std::nullopt});
  }
}

const RecordSpan* WantedSource::front() {
  const RecordSpan* span = inner().front();
  if (span == nullptr) {
    return nullptr;
  }
  pick(*span, *readings_.at(span->slot.value).wanted);
  return &front_;
}

// Of what is lost only records that are wanted are a loss.
void WantedSource::pick(const RecordSpan& span, const std::vector<Range>& wanted) {
  const auto records = span.records.first(std::min(span.records.size(), k_looked_at_max));
  const bool is_whole = records.size() == span.records.size();
  picked_.clear();
  at_.clear();
  auto range = records.empty() ? wanted.end() : reaching(wanted, Position{records.front().offset.value});
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Position position{records[i].offset.value};
    while (range != wanted.end() && range->next <= position) {
      ++range;
    }
    if (range == wanted.end()) {
      break;
    }
    if (range->first <= position) {
      picked_.push_back(records[i]);
      at_.push_back(i);
    }
  }
  at_.push_back(records.size());
  const Position read = records.empty() ? Position{0} : after(records.back().offset);
  front_ = {.slot = span.slot,
            .records = picked_,
            .next = is_whole ? span.next : read,
            .lost = is_whole && span.lost && any_between(wanted, read, span.next)};
}

void WantedSource::taken(std::size_t count) {
  inner().taken(at_.at(count));
}

void WantedSource::fetch_from(PartitionSlot slot, Position position) {
  Reading& reading = readings_.at(slot.value);
  const bool is_move = std::exchange(reading.moved_to, std::nullopt) == position;
  const auto next = reaching(*reading.wanted, position);
  if (is_move || next == reading.wanted->end() || next->first <= position) {
    inner().fetch_from(slot, position);
    return;
  }
  inner().read_elsewhere(slot, position);
  inner().fetch_from(slot, next->first);
}

void WantedSource::release() {
  readings_.clear();
  inner().release();
}

}  // namespace penstock::source
