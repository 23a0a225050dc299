// How it works
//
// A consumer of librdkafka has a queue of its own events. poll() serves it by rd_kafka_consumer_poll(), which
// runs the callbacks on this thread: rebalances, errors, answers to commits. The callbacks only note what
// happened, and poll() hands that out. Heartbeats, joining and syncing are done by threads of the library.
//
// The worked case is one rebalance, as the library sees it:
//
//   1. The rebalance callback brings _ASSIGN_PARTITIONS. The library wants to be told by rd_kafka_assign()
//      that the assignment is taken, and does not join a next generation before that. We take an empty one
//      at once. So the membership is steady while positions are looked up, and a revoke can still come. The
//      list itself goes out as an event. The stamp is read in here, because later the library may be in a
//      generation that we were not told of.
//   2. Minutes later the callback brings _REVOKE_PARTITIONS. We do not answer in the callback, and nothing
//      requires it: rd_kafka_assign(NULL) may be called long after the callback has returned. The library
//      goes on sending heartbeats, and the group waits, for at most max.poll.interval.ms.
//   3. The pipeline drains, and commits with the stamp of 1, which is still good as the group waits.
//   4. unassign() calls rd_kafka_assign(NULL). Only now does the library rejoin, and the next generation
//      begins.
//
// "Lost" is a revoke after which rd_kafka_assignment_lost() is true: the group went on without us. Any other
// code in the callback is a failure of the rebalance, after which the library asks for rd_kafka_assign(NULL)
// at once.
//
// close() runs the same callbacks once more, from within rd_kafka_consumer_close_queue() or its events. Then
// nobody is left to drain, and each is answered by giving the partitions back.
#include "rdkafka/rd_membership.h"

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/member_stamp.h"

namespace penstock::rdkafka {
namespace {

constexpr std::uint64_t k_wake = 1;
constexpr int k_group_events_max = 100;  // per poll, so that a storm of errors cannot hold the worker

}  // namespace

Result<std::unique_ptr<RdMembership>> RdMembership::join(const source::ConsumerOptions& options,
                                                         io::Loop& loop, Stamps stamps,
                                                         EndOfPartition end_of_partition) {
  std::unique_ptr<RdMembership> membership(new RdMembership(options, loop, stamps));
  if (Result<void> opened = membership->open(options, end_of_partition); !opened) {
    return opened.error();
  }
  return membership;
}

RdMembership::RdMembership(const source::ConsumerOptions& options, io::Loop& loop, Stamps stamps)
    : loop_(loop),
      group_(options.group),
      stamps_(stamps),
      certificates_(options.tls_ca),
      password_(source::with_newest_secret(options.auth)) {
  callbacks_.log = options.log;
  callbacks_.tokens = token_feed(options.auth);
  if (source::wants_tls(options)) {
    callbacks_.certificate = [this](const std::string& broker, long verify_result, Bytes certificate) {
      certificates_.refused(broker, verify_result, certificate);
    };
  }
  callbacks_.error = [this](int code, const std::string& reason) { on_error(code, reason); };
  callbacks_.rebalance = [this](int code, const rd_kafka_topic_partition_list_s* partitions) {
    on_rebalance(code, partitions);
  };
}

RdMembership::~RdMembership() {
  if (wake_fd_.valid() && !closing_) {
    close(std::chrono::milliseconds(0));
  }
}

Result<void> RdMembership::open(const source::ConsumerOptions& options, EndOfPartition end_of_partition) {
  const auto properties = client_properties(options, end_of_partition, rd_kafka_version());
  if (!properties) {
    return properties.error();
  }
  Result<RdClient> client = make_client(ClientKind::consumer, *properties, callbacks_);
  if (!client) {
    return client.error();
  }
  client_ = std::move(*client);
  if (Result<void> watched = watch_group(); !watched) {
    return watched;
  }
  return subscribe(options);
}

Result<void> RdMembership::watch_group() {
  wake_fd_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake_fd_.valid()) {
    return os_error(errno, "making an eventfd for the Kafka client");
  }
  group_queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  watch(group_queue_.get());
  // Reading the counter at once keeps a level-triggered loop from spinning while messages wait for room.
  loop_.watch(wake_fd_.get(), {.readable = true}, [fd = wake_fd_.get()](io::Interest) {
    std::uint64_t count = 0;
    static_cast<void>(!::read(fd, &count, sizeof count));
  });
  return {};
}

// The library writes once when an empty queue gets something.
void RdMembership::watch(rd_kafka_queue_s* queue) const {
  rd_kafka_queue_io_event_enable(queue, wake_fd_.get(), &k_wake, sizeof k_wake);
}

void RdMembership::unwatch(rd_kafka_queue_s* queue) {
  rd_kafka_queue_io_event_enable(queue, -1, nullptr, 0);
}

Result<void> RdMembership::subscribe(const source::ConsumerOptions& options) {
  RdList topics(rd_kafka_topic_partition_list_new(static_cast<int>(options.topics.size())));
  for (const std::string& topic : options.topics) {
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const rd_kafka_resp_err_t code = rd_kafka_subscribe(client_.get(), topics.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, "subscribing to source.topics (is one named twice, or no regular expression?)");
  }
  return {};
}

// Runs inside poll(), and inside close().
void RdMembership::on_rebalance(int code, const rd_kafka_topic_partition_list_s* partitions) {
  if (closing_) {
    unassign();
  } else if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    on_assigned(partitions);
  } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
    const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
    events_.push_back(
        {.kind = lost ? source::MembershipEvent::Kind::lost : source::MembershipEvent::Kind::revoked});
  } else {
    unassign();
    push_error(code, {}, "the group could not be rebalanced");
  }
}

void RdMembership::on_assigned(const rd_kafka_topic_partition_list_s* partitions) {
  rd_kafka_assign(client_.get(), make_list({}).get());
  source::MembershipEvent event{.kind = source::MembershipEvent::Kind::assigned,
                                .partitions = partitions_of(partitions)};
  if (stamps_ == Stamps::read) {
    Result<MemberStamp> stamp = read_stamp();
    if (!stamp) {
      events_.push_back({.error = std::move(stamp).error()});
      return;
    }
    if (is_of_nobody(*stamp)) {
      return;  // membership was lost since: that is told next
    }
    event.stamp = std::move(*stamp);
  }
  events_.push_back(std::move(event));
}

Result<MemberStamp> RdMembership::read_stamp() const {
  const std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                        decltype(&rd_kafka_consumer_group_metadata_destroy)>
      metadata(rd_kafka_consumer_group_metadata(client_.get()), rd_kafka_consumer_group_metadata_destroy);
  void* written = nullptr;
  std::size_t size = 0;
  rd_kafka_error_t* error =
      metadata ? rd_kafka_consumer_group_metadata_write(metadata.get(), &written, &size) : nullptr;
  if (error != nullptr) {
    rd_kafka_error_destroy(error);
  }
  const std::unique_ptr<char, void (*)(char*)> member_id(
      rd_kafka_memberid(client_.get()), [](char* text) { rd_kafka_mem_free(nullptr, text); });
  Result<MemberStamp> stamp =
      parse_member_stamp({static_cast<const std::byte*>(written), written != nullptr ? size : 0}, group_,
                         member_id ? member_id.get() : "");
  rd_kafka_mem_free(nullptr, written);
  return stamp;
}

void RdMembership::on_error(int code, const std::string& reason) {
  // Says nothing of why, and also comes when a session has ended at the broker and the next connection is
  // made at once, as 2.0.2 renews none. A broker that is not reached has an error of its own.
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    return;
  }
  // 2.0.2 now and then has _TRANSPORT for it.
  const bool is_of_certificate =
      code == RD_KAFKA_RESP_ERR__SSL || reason.find("certificate verify failed") != std::string::npos;
  const auto refused = is_of_certificate ? certificates_.take() : std::nullopt;
  push_error(refused ? static_cast<int>(RD_KAFKA_RESP_ERR__SSL) : code, {},
             refused ? refused->message : reason);
}

// `topic`: where the library says; else empty. `reason`: the library's words.
void RdMembership::push_error(int code, std::string_view topic, std::string reason) {
  const bool is_fatal = code == RD_KAFKA_RESP_ERR__FATAL;
  if (is_fatal) {
    std::array<char, 512> sentence{};
    code = rd_kafka_fatal_error(client_.get(), sentence.data(), sentence.size());
    reason = sentence.data();
  }
  if (!topic.empty()) {
    reason = concat("topic ", topic);
  }
  Error error = kafka_error(code, concat("Kafka consumer group ", group_, ": ", reason));
  if (is_fatal) {
    error.action = Action::fatal;
  } else if (!topic.empty()) {
    // One topic that is not there, or not ours to read, does not end the others. It may come, or come back.
    error.action = Action::retry;
  }
  events_.push_back({.error = std::move(error)});
}

void RdMembership::poll(std::vector<source::MembershipEvent>& events) {
  password_.look(client_.get());
  for (int i = 0; i < k_group_events_max; ++i) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client_.get(), 0);
    if (message == nullptr) {
      break;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* reason = rd_kafka_message_errstr(message);
      push_error(message->err, message->rkt != nullptr ? rd_kafka_topic_name(message->rkt) : "",
                 reason != nullptr ? reason : "");
    }
    rd_kafka_message_destroy(message);
  }
  for (source::MembershipEvent& event : events_) {
    events.push_back(std::move(event));
  }
  events_.clear();
}

void RdMembership::unassign() {
  rd_kafka_assign(client_.get(), nullptr);
}

void RdMembership::close(std::chrono::milliseconds timeout) {
  closing_ = true;
  if (wake_fd_.valid()) {
    loop_.unwatch(wake_fd_.get());
    unwatch(group_queue_.get());
  }
  group_queue_.reset();  // must be gone before the consumer closes
  const RdQueue events(rd_kafka_queue_new(client_.get()));
  rd_kafka_error_t* error = rd_kafka_consumer_close_queue(client_.get(), events.get());
  if (error != nullptr) {
    rd_kafka_error_destroy(error);
    return;
  }
  const MonoTime deadline = system_clock().now() + timeout;
  while (rd_kafka_consumer_closed(client_.get()) == 0 && system_clock().now() < deadline) {
    rd_kafka_event_t* event = rd_kafka_queue_poll(events.get(), 20);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
      unassign();
    }
    if (event != nullptr) {
      rd_kafka_event_destroy(event);
    }
  }
}

source::JoinGroup join_by_librdkafka(source::ConsumerOptions options, io::Loop& loop) {
  return [options = std::move(options), &loop]() -> Result<std::unique_ptr<source::Membership>> {
    auto joined = RdMembership::join(options, loop, Stamps::read, EndOfPartition::silent);
    if (!joined) {
      return joined.error();
    }
    return std::unique_ptr<source::Membership>(std::move(*joined));
  };
}

}  // namespace penstock::rdkafka
