// Which recovered batches are used again, and when (PROTOCOL.md, R7).
//
// To use one is the same as to read its records from Kafka, only sooner: it gets an id, a name and a place in
// the order of batches like any other, and only if reading of all of its partitions would begin exactly where
// it does. So a partition that starts where a recovered batch begins is not fetched until it is known whether
// the others of that batch start there too; and then from behind it, unless another recovered batch begins
// there.
//
//   begin_epoch ─► start(A) ... start(B) ─► settle(): adopt {A, B}, adopt {A, B}, ... ─► fetch A, fetch B
//
// A partition's first start in an epoch counts; when it is read again, whatever the reason, that is from
// Kafka. Once every partition of an assignment is fetched, what is left is given up: it holds room on the
// stage.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/group_entry.h"
#include "pipeline/recovered_batch.h"
#include "source/source.h"

namespace penstock::pipeline {

class Adoption {
 public:
  struct Calls {
    // False: it cannot be used, and nothing happened.
    std::function<bool(const RecoveredBatch&, std::span<const PartitionSlot>)> adopt;
    std::function<void(const RecoveredBatch&)> give_up;
    std::function<void(PartitionSlot, Position)> fetch;
    // Before `fetch`: from here up to where it is fetched, batches of it were adopted.
    std::function<void(PartitionSlot, Position)> read_elsewhere;
  };
  explicit Adoption(Calls calls) : calls_(std::move(calls)) {}

  // At the start, once.
  void recovered(std::vector<RecoveredBatch> batches);

  void begin_epoch(std::span<const source::Assigned> partitions);
  void start(PartitionSlot slot, Position position);  // the protocol lets it begin
  void take_back(PartitionSlot slot);                 // the protocol holds or stops it
  void end_epoch();

  // Does what is decided. Returns whether a batch was adopted.
  bool settle();

  std::size_t candidate_count() const { return candidates_.size(); }

 private:
  enum class Step : std::uint8_t { undecided, waiting, done };
  struct Slot {
    TopicPartition id;
    std::optional<GroupEntry> entry;
    Step step = Step::undecided;
    Position begins;
    Position position;  // waiting: where it goes on, behind what was adopted
  };
  struct Candidate {
    RecoveredBatch batch;
    std::vector<PartitionSlot> slots;  // of its ranges, in this epoch
    bool gone = false;
  };
  enum class Judgement : std::uint8_t { ready, not_yet, never };

  Judgement judge(const Candidate& candidate) const;
  bool adopt_what_is_ready();
  bool fetch_what_nothing_begins_at();
  void fetch(PartitionSlot slot);
  void give_up_all();

  Calls calls_;
  std::vector<Candidate> candidates_;
  std::vector<Slot> slots_;  // of the epoch
  bool changed_ = false;
};

}  // namespace penstock::pipeline
