// The Source that is librdkafka alone: membership, fetching and commits.
//
// Its commits carry whatever generation the library has when it sends them, so it serves guarantee:
// at_least_once only. What it adds to the library: it never blocks the worker's loop, takes no record without
// room, starts every partition at a position that it looked up and checked itself, and never skips data in
// silence.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/clock.h"
#include "base/commit.h"
#include "base/group_entry.h"
#include "io/loop.h"
#include "rdkafka/assignment.h"
#include "rdkafka/message_batch.h"
#include "rdkafka/position_resolver.h"
#include "rdkafka/rd_consumer.h"
#include "rdkafka/rd_membership.h"
#include "source/group_session.h"
#include "source/lost_spans.h"
#include "source/source.h"
#include "source/source_options.h"

namespace penstock::rdkafka {

class LibrdkafkaSource final : public source::Source {
 public:
  // `loop` and `clock` outlive the source.
  LibrdkafkaSource(io::Loop& loop, const Clock& clock, source::SourceOptions options);
  ~LibrdkafkaSource() override;  // closes

  Result<void> start(source::SourceHandlers handlers) override;
  void poll() override;
  const source::RecordSpan* front() override;
  void taken(std::size_t count) override;
  void fetch_from(PartitionSlot slot, Position position) override;
  void read_elsewhere(PartitionSlot /*slot*/, Position /*from*/) override {}  // it compares no epochs
  void hold(PartitionSlot slot) override;
  // Error unsupported: with commits that carry any stamp, nothing can be built on an entry.
  void distrust(PartitionSlot slot, Position position) override;
  void read_entries(std::vector<TopicPartition> partitions,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) override;
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override;
  void release() override;
  void close() override;
  void partition_states(std::vector<source::PartitionState>& states) const override;
  source::SourceCounters counters() const override;

 private:
  // A partition whose position has left the log: where does the log begin and end now?
  struct Recovery {
    PartitionSlot slot;
    std::unique_ptr<PositionResolver> resolver;
  };

  // What the session asks for.
  void resolve();
  void end_records();
  void forget_assignment();

  void stop_using_client();

  // Positions.
  std::unique_ptr<PositionResolver> ask(ResolveRequest request);
  void serve_resolver();
  void serve_recoveries();
  void cancel_resolvers();
  void activate(std::vector<source::StartFacts> facts);
  void on_position_lost(PartitionSlot slot);
  void recover(PartitionSlot slot, const source::StartFacts& facts);

  // Records.
  const source::RecordSpan* span_at_front();
  void on_message_error(PartitionSlot slot);
  void on_corrupt_batch(PartitionSlot slot);
  void fail(PartitionSlot slot, Error error);
  void reassign();

  io::Loop& loop_;
  const source::SourceOptions options_;
  source::GroupSession session_;
  RdMembership* membership_ = nullptr;  // the session's, while it is started
  std::unique_ptr<RdConsumer> consumer_;

  Assignment assignment_;
  MessageBatch batch_;
  source::RecordSpan front_;
  bool front_offered_ = false;  // front_ is at the front of batch_, and was given out
  source::LostSpans lost_;
  bool reassign_due_ = false;
  std::uint64_t stale_records_ = 0;

  // The partitions of its topics that existed at this process's first assignment: for source.start `latest`.
  std::optional<std::set<TopicPartition>> seen_at_first_;

  std::unique_ptr<PositionResolver> resolver_;  // while resolving
  std::vector<Recovery> recoveries_;            // while held
  std::vector<std::unique_ptr<PositionResolver>>
      canceled_;  // still ending; at most one per rebalance and request
};

}  // namespace penstock::rdkafka
