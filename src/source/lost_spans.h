// Losses that were found and that nobody has taken yet: where the log begins behind a partition's position,
// and source.on_data_loss is `continue`. A source offers them by front() before anything else, as spans
// without records.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/types.h"
#include "source/source.h"

namespace penstock::source {

class LostSpans {
 public:
  // Everything of the partition before `next` that was not read is lost. Its records are read again from
  // `next`, when the span was taken.
  void add(PartitionSlot slot, Position next) {
    drop(slot);
    spans_.push_back({.slot = slot, .records = {}, .next = next, .lost = true});
  }

  // The partition is held, sent elsewhere, or has failed: its loss is found anew if it still matters.
  void drop(PartitionSlot slot) {
    std::erase_if(spans_, [slot](const RecordSpan& span) { return span.slot == slot; });
  }
  void clear() { spans_.clear(); }

  bool contains(PartitionSlot slot) const {
    return std::ranges::any_of(spans_, [slot](const RecordSpan& span) { return span.slot == slot; });
  }

  // For Source::front(): the span to offer; null: none. Valid until the next call of any function.
  const RecordSpan* front() {
    offered_ = spans_.empty() ? std::nullopt : std::optional(spans_.front().slot);
    return offered_ ? &spans_.front() : nullptr;
  }

  // For Source::taken(): whether the last front() gave a span.
  bool offered() const { return offered_.has_value(); }

  // Takes the span that was offered off the list. None: it was dropped since.
  std::optional<RecordSpan> take() {
    const auto slot = std::exchange(offered_, std::nullopt);
    if (!slot || spans_.empty() || spans_.front().slot != *slot) {
      return std::nullopt;
    }
    const RecordSpan taken = spans_.front();
    spans_.erase(spans_.begin());
    return taken;
  }

 private:
  std::vector<RecordSpan> spans_;  // at most one per partition, and nearly always none
  std::optional<PartitionSlot> offered_;
};

}  // namespace penstock::source
