// A source that sets the group's positions and reads nothing: that of `penstock offsets set`.
//
// To the pipeline each partition that is to be set looks like one whose log has moved
// (SourceHandlers::moved). So the claim protocol does the rest as always: Assign settles what is claimed,
// the fence is waited for, and the new position is committed with the stamp of the assignment. Then the
// partition is at its end mark. An entry that is not the one that was seen when the move was decided is a
// fatal error. The pipeline knows of no other partition, so that nothing of them is settled or committed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/alive.h"
#include "base/types.h"
#include "source/forwarding_source.h"
#include "source/position_move.h"

namespace penstock::source {

class MovingSource final : public ForwardingSource {
 public:
  MovingSource(std::unique_ptr<Source> inner, std::map<TopicPartition, PositionMove> moves);

  Result<void> start(SourceHandlers handlers) override;
  const RecordSpan* front() override { return nullptr; }
  void taken(std::size_t) override {}
  void fetch_from(PartitionSlot slot, Position position) override;
  void read_elsewhere(PartitionSlot, Position) override {}
  void hold(PartitionSlot slot) override { inner().hold(inner_slot(slot)); }
  void distrust(PartitionSlot, Position) override {}
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override;
  void partition_states(std::vector<PartitionState>& states) const override;

 private:
  void on_assigned(std::span<const Assigned> partitions);
  void make_moves(std::span<const Assigned> chosen);
  SourceHandlers translated(SourceHandlers handlers);

  // The pipeline's slot of a partition is its place among the chosen, and the inner source's another one.
  struct Chosen {
    TopicPartition id;
    PartitionSlot inner;
    bool begun = false;  // the pipeline has begun at the new place
  };
  PartitionSlot inner_slot(PartitionSlot slot) const { return chosen_.at(slot.value).inner; }
  std::optional<PartitionSlot> outer(PartitionSlot slot) const;

  const std::map<TopicPartition, PositionMove> moves_;
  SourceHandlers handlers_;
  std::vector<Chosen> chosen_;    // of the assignment
  std::set<TopicPartition> set_;  // committed: never again, whatever assignment comes
  Alive alive_;
};

}  // namespace penstock::source
