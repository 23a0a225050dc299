// A source of which each partition is read up to an end, and no further: that of `penstock replay`.
//
// What lies at the end or behind it is never handed over. A partition without an end is not read at all. A
// partition that has come to its end stands exactly there, wherever records and holes lie, and is at its
// mark. The lag is counted up to the end.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/types.h"
#include "source/forwarding_source.h"

namespace penstock::source {

class BoundedSource final : public ForwardingSource {
 public:
  BoundedSource(std::unique_ptr<Source> inner, std::map<TopicPartition, Position> ends);

  Result<void> start(SourceHandlers handlers) override;
  const RecordSpan* front() override;
  void taken(std::size_t count) override;
  void fetch_from(PartitionSlot slot, Position position) override;
  void hold(PartitionSlot slot) override;
  void distrust(PartitionSlot slot, Position position) override;
  void release() override;
  void partition_states(std::vector<PartitionState>& states) const override;

 private:
  // Of the assignment, by slot.
  struct Bound {
    std::optional<Position> end;        // none: the partition is not read
    std::optional<Position> stands_at;  // at its end or behind it, and held
  };

  void assign(std::span<const Assigned> partitions);
  void forget_cut(PartitionSlot slot);
  bool is_behind(const Bound& bound, Position position) const;

  const std::map<TopicPartition, Position> ends_;
  std::vector<Bound> bounds_;
  RecordSpan cut_;       // the front of the inner source, up to the end of its partition
  bool is_cut_ = false;  // front() gave cut_
};

}  // namespace penstock::source
