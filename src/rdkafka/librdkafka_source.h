// The Source that is librdkafka alone: membership, fetching and commits.
//
// Its commits carry whatever generation the library has when it sends them, so it serves guarantee:
// at_least_once only. What it adds to the library: it never blocks the worker's
// loop, takes no record without room, starts every partition at a position that it looked up and checked
// itself, and never skips data in silence.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/commit.h"
#include "base/group_entry.h"
#include "base/record_view.h"
#include "io/loop.h"
#include "rdkafka/assignment.h"
#include "rdkafka/consumer_client.h"
#include "rdkafka/message_batch.h"
#include "rdkafka/position_resolver.h"
#include "source/consumer_options.h"
#include "source/error_gate.h"
#include "source/source.h"

namespace penstock::rdkafka {

struct LibrdkafkaSourceOptions {
  source::ConsumerOptions client;
  RecordHeaders headers = RecordHeaders::skipped;
  // --exit-at-end: the log ends seen at start, by probe_cluster(). A partition not named did not exist then
  // and counts as at its mark.
  std::optional<std::map<TopicPartition, Position>> end_marks;
  std::chrono::milliseconds close_timeout{5000};  // for leaving the group
};

class LibrdkafkaSource final : public source::Source {
 public:
  // `loop` and `clock` outlive the source.
  LibrdkafkaSource(io::Loop& loop, const Clock& clock, LibrdkafkaSourceOptions options);
  ~LibrdkafkaSource() override;  // closes

  Result<void> start(source::SourceHandlers handlers) override;

  // Without room, records that wait do not count as "more": the worker may sleep.
  bool poll(Room room, std::size_t records_max) override;
  void fetch_from(PartitionSlot slot, Position position) override;
  void hold(PartitionSlot slot) override;
  // Error unsupported: with commits that carry any stamp, nothing can be built on an entry.
  void read_entries(std::span<const PartitionSlot> slots,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) override;
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override;
  void release() override;
  void close() override;
  void partition_states(std::vector<source::PartitionState>& states) const override;
  source::SourceCounters counters() const override { return counters_; }

 private:
  // none: no assignment. resolving: the group gave one, its positions are being looked up. held: the pipeline
  // has it. ending: the pipeline was told of its end, release() is awaited.
  enum class State : std::uint8_t { none, resolving, held, ending };

  struct Recovery {
    PartitionSlot slot;
    std::unique_ptr<PositionResolver> resolver;
  };

  void on_event(GroupEvent& event);
  void on_assigned(std::vector<TopicPartition> partitions);
  void on_revoked(source::RevokeReason reason);
  void on_group_error(const GroupEvent& event);

  void begin(std::vector<TopicPartition> partitions);
  void end_assignment(source::RevokeReason reason);
  void serve_resolvers();
  void activate(const std::vector<TopicPartition>& partitions, const std::vector<source::StartFacts>& facts);
  void cancel_resolvers();
  std::unique_ptr<PositionResolver> resolve(ResolveRequest request);

  bool hand_over(std::size_t records_max);
  std::size_t offer_front(bool& refused);
  void offer_hole(PartitionSlot slot, Position next, bool lost);
  void on_message_error(PartitionSlot slot);
  void on_position_lost(PartitionSlot slot);
  void recover(PartitionSlot slot, const source::StartFacts& facts);
  void on_corrupt_batch(PartitionSlot slot);
  void fail(PartitionSlot slot, Error error);
  void reassign();

  void report(Error error);
  bool at_end_mark(const Assignment::Slot& slot) const;

  io::Loop& loop_;
  const Clock& clock_;
  const LibrdkafkaSourceOptions options_;
  source::SourceHandlers handlers_;
  std::unique_ptr<ConsumerClient> client_;

  State state_ = State::none;
  std::optional<std::vector<TopicPartition>> next_assignment_;  // came while the former was not released
  Assignment assignment_;
  MessageBatch batch_;
  std::vector<GroupEvent> events_;

  std::unique_ptr<PositionResolver> resolver_;  // State::resolving
  std::vector<Recovery> recoveries_;            // State::held
  std::vector<std::unique_ptr<PositionResolver>>
      canceled_;  // still ending; at most one a rebalance and request

  source::ErrorGate gate_;
  source::SourceCounters counters_;
  bool reassign_due_ = false;
  bool seen_assignment_ = false;
  bool fatal_ = false;
};

}  // namespace penstock::rdkafka
