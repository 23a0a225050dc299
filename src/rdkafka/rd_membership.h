// The membership of a consumer group by librdkafka: one consumer on a worker's loop.
//
// It serves the group and nothing else. A source that fetches for itself uses it alone, and the library then
// has an empty assignment for ever. LibrdkafkaSource puts an RdConsumer on it, which makes the same consumer
// fetch.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/member_stamp.h"
#include "base/unique_fd.h"
#include "io/loop.h"
#include "rdkafka/certificate_watch.h"
#include "rdkafka/client_properties.h"
#include "rdkafka/password_feed.h"
#include "rdkafka/rd_handles.h"
#include "source/consumer_options.h"
#include "source/membership.h"

namespace penstock::rdkafka {

// Whether each assignment says who we are (member_stamp.h). Not for those whose commits the library sends.
enum class Stamps : std::uint8_t { skipped, read };

class RdMembership final : public source::Membership {
 public:
  // Makes the consumer and subscribes. Brokers are not waited for. Error: the configuration cannot work.
  // `loop` outlives it.
  static Result<std::unique_ptr<RdMembership>> join(const source::ConsumerOptions& options, io::Loop& loop,
                                                    Stamps stamps, EndOfPartition end_of_partition);
  ~RdMembership() override;  // close() first: without it the group finds out by session.timeout.ms

  void poll(std::vector<source::MembershipEvent>& events) override;
  void unassign() override;
  void close(std::chrono::milliseconds timeout) override;

  // For what else the same consumer does, and as long as the membership lives: the consumer, the queue of its
  // own events, which poll() serves, and the loop's waking when another queue gets something. `queue` is
  // unwatched before close().
  rd_kafka_s* client() const { return client_.get(); }
  rd_kafka_queue_s* group_queue() const { return group_queue_.get(); }
  void watch(rd_kafka_queue_s* queue) const;
  static void unwatch(rd_kafka_queue_s* queue);

 private:
  RdMembership(const source::ConsumerOptions& options, io::Loop& loop, Stamps stamps);
  Result<void> open(const source::ConsumerOptions& options, EndOfPartition end_of_partition);
  Result<void> watch_group();
  Result<void> subscribe(const source::ConsumerOptions& options);
  void on_rebalance(int code, const rd_kafka_topic_partition_list_s* partitions);
  void on_assigned(const rd_kafka_topic_partition_list_s* partitions);
  void on_error(int code, const std::string& reason);
  void push_error(int code, std::string_view topic, std::string reason);
  Result<MemberStamp> read_stamp() const;

  io::Loop& loop_;
  const std::string group_;
  const Stamps stamps_;
  CertificateWatch certificates_;
  PasswordFeed password_;
  ClientCallbacks callbacks_;
  UniqueFd wake_fd_;
  RdClient client_;
  RdQueue group_queue_;
  std::vector<source::MembershipEvent> events_;  // appended to by callbacks, handed out by poll()
  bool closing_ = false;
};

// Joins by librdkafka, for a source that fetches for itself. `loop` outlives what it makes.
source::JoinGroup join_by_librdkafka(source::ConsumerOptions options, io::Loop& loop);

}  // namespace penstock::rdkafka
