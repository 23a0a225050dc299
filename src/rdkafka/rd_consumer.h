// What librdkafka does besides membership, on the same consumer: fetching and commits. For LibrdkafkaSource.
//
// The queue of every assigned partition is forwarded to one data queue. So the group can always be served,
// while messages are taken only when there is room. What is not taken stops the fetching by itself. Nothing
// is thrown away and fetched again, as pausing would do.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/commit.h"
#include "base/types.h"
#include "io/loop.h"
#include "rdkafka/message_batch.h"
#include "rdkafka/rd_handles.h"
#include "rdkafka/rd_membership.h"

namespace penstock::rdkafka {

struct PositionedPartition {
  TopicPartition id;
  Position position;
};

class RdConsumer {
 public:
  // Both outlive it.
  RdConsumer(RdMembership& membership, io::Loop& loop);

  // Before each poll of the membership.
  void poll();

  // Replaces what is fetched. Fetching starts at the positions given.
  Result<void> assign(std::span<const PositionedPartition> partitions);

  // The assignment is over: what assign() was told last does not count any more. Giving it back is the
  // membership's.
  void forget_assignment();

  void take_messages(MessageBatch& batch, std::size_t messages_max);
  void discard_messages();

  void seek(const TopicPartition& partition, Position position);
  void pause(const TopicPartition& partition);  // until the next assign()

  // `done` runs inside the membership's poll(), inside poll(), or inside give_up_commit(); or never, after
  // stop(). One at a time.
  void commit(std::span<const EntryToCommit> commits, std::function<void(CommitReply)> done);

  // As the last fetch said. -1: not known.
  Position log_end(const TopicPartition& partition) const;

  // `done` of the commit that is under way runs now, if there is one: whether it was written is not known.
  void give_up_commit();

  // Before the membership closes: nobody is woken or told any more. Only the destructor may follow.
  void stop();

 private:
  void forward_queues();
  void finish_commit(int code, const rd_kafka_topic_partition_list_s* offsets);

  RdMembership& membership_;
  io::Loop& loop_;
  rd_kafka_s* const client_;
  RdQueue data_queue_;
  std::vector<TopicPartition> forwarded_;
  MonoTime forward_again_until_{};
  bool paused_ = false;
  std::function<void(CommitReply)> commit_done_;
  std::size_t commit_items_ = 0;  // of the commit under way
  int commit_refused_ = 0;        // by the library itself, before sending
};

}  // namespace penstock::rdkafka
