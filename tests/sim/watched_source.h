// Stands between a worker and its source, and holds both to their contract. What the worker may not ask for
// is a violation, and what it commits is noted. It also is where records are spoiled on purpose.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/process.h"
#include "sim/sabotage.h"
#include "sim/sim_random.h"
#include "sim/verdict.h"
#include "source/source.h"

namespace penstock::sim {

class WatchedSource final : public source::Source {
 public:
  struct Options {
    // The worker may send a partition elsewhere, or hold it, while the assignment ends, and nothing happens.
    // Otherwise the source is asked, which takes it for a bug.
    bool forgives_while_ending = false;
    bool silent_once_lost = false;  // exactly_once: no commit after one was refused as membership is lost
    Sabotage sabotage = Sabotage::none;
    // A partition cannot go on, and the worker was told.
    std::function<void(const TopicPartition&, const Error&)> on_stopped;
    // A partition may have been made anew: nobody can tell, and reading goes on.
    std::function<void(const TopicPartition&)> on_doubted;
    // What the log had before this position, and was not read, is lost, and the worker takes note.
    std::function<void(const TopicPartition&, Position)> on_lost;
  };

  // `verdict` outlives it.
  WatchedSource(std::unique_ptr<source::Source> source, ProcessPtr process, Options options, Random random,
                Verdict& verdict);

  // The claim that was last sent for the partition in this assignment; empty: none.
  std::string last_claim(const TopicPartition& id) const;

  Result<void> start(source::SourceHandlers handlers) override;
  void poll() override;
  const source::RecordSpan* front() override;
  void taken(std::size_t count) override;
  void fetch_from(PartitionSlot slot, Position position) override;
  void read_elsewhere(PartitionSlot slot, Position from) override { source_->read_elsewhere(slot, from); }
  void hold(PartitionSlot slot) override;
  void distrust(PartitionSlot slot, Position position) override;
  void read_entries(std::vector<TopicPartition> partitions,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) override;
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override;
  void release() override;
  void close() override;
  void partition_states(std::vector<source::PartitionState>& states) const override {
    source_->partition_states(states);
  }
  source::SourceCounters counters() const override { return source_->counters(); }

 private:
  bool spoil(std::vector<RecordView>& views);

  const std::unique_ptr<source::Source> source_;
  const ProcessPtr process_;
  const Options options_;
  Random random_;
  Verdict& verdict_;
  source::SourceHandlers handlers_;

  std::vector<TopicPartition> ids_;               // of the assignment
  std::map<TopicPartition, std::string> claims_;  // the last of each
  bool has_slots_ = false;
  bool ending_ = false;
  bool told_lost_ = false;  // of this assignment: no commit is allowed any more
  bool committing_ = false;
  std::uint64_t epoch_ = 0;

  std::optional<source::RecordSpan> lost_;  // what front() gave last is a loss
  std::vector<RecordView> views_;           // of spoiled_
  source::RecordSpan spoiled_;
  std::size_t held_back_ = 0;  // records at the front that the worker does not see
};

}  // namespace penstock::sim
