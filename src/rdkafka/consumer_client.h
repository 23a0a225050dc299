// One librdkafka consumer on a worker's loop: its group events and its messages, each in a queue of its own.
// Internal to this module: what to do about an event is LibrdkafkaSource's business.
//
// Every assigned partition's queue is forwarded to one data queue, so that the group can always be served
// while messages are taken only when there is room; what is not taken stops the fetching by itself, and
// nothing is thrown away and fetched again as pausing would do. Both queues wake the loop through one
// eventfd.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "base/commit.h"
#include "base/member_stamp.h"
#include "base/unique_fd.h"
#include "io/loop.h"
#include "rdkafka/certificate_watch.h"
#include "rdkafka/client_properties.h"
#include "rdkafka/message_batch.h"
#include "rdkafka/rd_handles.h"
#include "source/consumer_options.h"
#include "source/source.h"
#include "wire/group_offsets.h"

namespace penstock::rdkafka {

struct GroupEvent {
  enum class Kind : std::uint8_t { assigned, revoked, lost, error };

  Kind kind = Kind::error;
  std::vector<TopicPartition> partitions;  // assigned
  int code = 0;                            // error
  std::string topic;                       // error: where the library says; else empty
  std::string reason;                      // error: the library's words

  // assigned: who we are in this generation, read inside the rebalance callback.
  std::optional<Result<MemberStamp>> stamp = {};
};

struct PositionedPartition {
  TopicPartition id;
  Position position;
};

class ConsumerClient {
 public:
  // Makes the client and subscribes. Brokers are not waited for. Error: the configuration cannot work.
  static Result<std::unique_ptr<ConsumerClient>> join(const source::ConsumerOptions& options,
                                                      EndOfPartition end_of_partition, io::Loop& loop);
  ~ConsumerClient();  // close() first; without it the group finds out by session.timeout.ms

  // Serves the library's callbacks and appends what happened, in order. An `assigned` event leaves an empty
  // assignment behind, which keeps the membership steady while positions are looked up; `revoked` and `lost`
  // wait for unassign().
  void poll_group(std::vector<GroupEvent>& events);

  // Replaces the assignment; fetching starts at the positions given.
  Result<void> assign(std::span<const PositionedPartition> partitions);
  void unassign();  // answers `revoked` and `lost`

  void take_messages(MessageBatch& batch, std::size_t messages_max);
  bool messages_wait() const;
  void discard_messages();

  void seek(const TopicPartition& partition, Position position);
  void pause(const TopicPartition& partition);  // until the next assign()

  // `done` runs from poll_group(), or never, if the client is closed first. One at a time.
  void commit(std::span<const EntryToCommit> commits, std::function<void(CommitReply)> done);

  Position log_end(const TopicPartition& partition) const;  // as the last fetch said; -1: not known
  rd_kafka_s* handle() const { return client_.get(); }      // for PositionResolver

  // Leaves the group. Nothing but the destructor may be called after it.
  void close(std::chrono::milliseconds timeout);

 private:
  ConsumerClient(io::Loop& loop, const source::ConsumerOptions& options);
  Result<void> open(const source::ConsumerOptions& options, EndOfPartition end_of_partition);
  Result<void> watch_queues();
  Result<void> subscribe(const source::ConsumerOptions& options);
  void on_rebalance(int code, const rd_kafka_topic_partition_list_s* partitions);
  Result<MemberStamp> read_stamp() const;
  void forward_queues();
  void finish_commit(int code, const rd_kafka_topic_partition_list_s* offsets);

  io::Loop& loop_;
  std::string group_;
  CertificateWatch certificates_;
  ClientCallbacks callbacks_;
  UniqueFd wake_fd_;
  RdClient client_;
  RdQueue group_queue_;
  RdQueue data_queue_;
  std::vector<GroupEvent> events_;  // appended to by callbacks, handed out by poll_group()
  std::vector<TopicPartition> forwarded_;
  MonoTime forward_again_until_{};
  bool paused_ = false;
  bool closing_ = false;
  std::function<void(CommitReply)> commit_done_;
  int commit_refused_ = 0;  // by the library itself, before sending
};

}  // namespace penstock::rdkafka
