// The membership of a consumer group by librdkafka: one consumer on a worker's loop.
//
// It serves the group and nothing else. A source that fetches for itself uses it alone, and the library then
// has an empty assignment for ever. LibrdkafkaSource puts an RdConsumer on it, which makes the same consumer
// fetch.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/member_stamp.h"
#include "base/unique_fd.h"
#include "crypto/tls_files.h"
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

  // Who uses the same consumer. A consumer that was fenced, or that knows former TLS files, is replaced by
  // another one, inside poll() and without an assignment. `leave` ends what uses the former before it goes,
  // `enter` begins on the new one.
  struct Tenant {
    std::function<void()> leave;
    std::function<void()> enter;
  };
  void let(Tenant tenant) { tenant_ = std::move(tenant); }

  // For the tenant: the consumer, the queue of its own events, which poll() serves, and the loop's waking when
  // another queue gets something. `queue` is unwatched before close().
  rd_kafka_s* client() const { return client_.get(); }
  rd_kafka_queue_s* group_queue() const { return group_queue_.get(); }
  void watch(rd_kafka_queue_s* queue) const;
  static void unwatch(rd_kafka_queue_s* queue);

 private:
  // Of the assignment, as the session was told.
  enum class Held : std::uint8_t { nothing, given, asked_back };
  // Why another client joins as soon as nothing is held. Fenced: this one is of no use any more.
  enum class Renewal : std::uint8_t { none, files, fenced };

  RdMembership(const source::ConsumerOptions& options, io::Loop& loop, Stamps stamps,
               EndOfPartition end_of_partition);
  std::unique_ptr<ClientCallbacks> make_callbacks();
  Result<void> read_files();
  Result<void> open();
  Result<void> watch_group();
  Result<void> subscribe();
  void shut(std::chrono::milliseconds timeout);
  void give_back();
  bool joins_again(int fatal_code);
  void join_again();
  void look_at_files();
  void ask_back();
  void on_rebalance(int code, const rd_kafka_topic_partition_list_s* partitions);
  void on_assigned(const rd_kafka_topic_partition_list_s* partitions);
  void on_error(int code, const std::string& reason);
  void push_error(int code, std::string_view topic, std::string reason);
  Result<MemberStamp> read_stamp() const;

  io::Loop& loop_;
  const source::ConsumerOptions options_;
  const Stamps stamps_;
  const EndOfPartition end_of_partition_;
  CertificateWatch certificates_;
  PasswordFeed password_;
  std::unique_ptr<ClientCallbacks> callbacks_;  // of client_
  UniqueFd wake_fd_;
  RdClient client_;
  RdQueue group_queue_;
  std::vector<source::MembershipEvent> events_;  // appended to by callbacks, handed out by poll()
  Held held_ = Held::nothing;
  Tenant tenant_;
  Renewal renewal_ = Renewal::none;
  std::optional<MonoTime> fenced_at_;                     // the last time
  std::unique_ptr<crypto::TlsFiles> files_;               // null: the client uses none
  std::shared_ptr<const crypto::TlsContext> seen_files_;  // when the client was made
  bool closing_ = false;
};

// Joins by librdkafka, for a source that fetches for itself. `loop` outlives what it makes.
source::JoinGroup join_by_librdkafka(source::ConsumerOptions options, io::Loop& loop);

}  // namespace penstock::rdkafka
