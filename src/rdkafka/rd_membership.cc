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
//
// A static member is fenced when somebody joins with its instance id. That may be a second process with a
// copied configuration. It may as well be a join of our own: a broker that stood still for a while handles it
// after a later one, and the member that we know is no more. The library cannot go on in either case. So the
// first time the assignment is lost, and another client joins when it was given back. Two processes fence
// each other in turn, and the one that is fenced for the second time within k_twin_window ends.
//
// The library reads TLS files once. When they change, the assignment is asked back as in a rebalance, and
// another client joins that has read them again. As a static member it gets the same partitions.
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
constexpr auto k_twin_window = std::chrono::minutes(5);
constexpr auto k_leave_timeout = std::chrono::milliseconds(500);  // of a client that another replaces

}  // namespace

Result<std::unique_ptr<RdMembership>> RdMembership::join(const source::ConsumerOptions& options,
                                                         io::Loop& loop, Stamps stamps,
                                                         EndOfPartition end_of_partition) {
  std::unique_ptr<RdMembership> membership(new RdMembership(options, loop, stamps, end_of_partition));
  if (Result<void> opened = membership->open(); !opened) {
    return opened.error();
  }
  return membership;
}

RdMembership::RdMembership(const source::ConsumerOptions& options, io::Loop& loop, Stamps stamps,
                           EndOfPartition end_of_partition)
    : loop_(loop),
      options_(options),
      stamps_(stamps),
      end_of_partition_(end_of_partition),
      certificates_(options.tls_ca),
      password_(source::with_newest_secret(options.auth)) {}

std::unique_ptr<ClientCallbacks> RdMembership::make_callbacks() {
  auto callbacks = std::make_unique<ClientCallbacks>();
  callbacks->log = options_.log;
  callbacks->tokens = token_feed(options_.auth);
  if (source::wants_tls(options_)) {
    callbacks->certificate = [this](const std::string& broker, long verify_result, Bytes certificate) {
      certificates_.refused(broker, verify_result, certificate);
    };
  }
  callbacks->error = [this](int code, const std::string& reason) { on_error(code, reason); };
  callbacks->rebalance = [this](int code, const rd_kafka_topic_partition_list_s* partitions) {
    on_rebalance(code, partitions);
  };
  return callbacks;
}

RdMembership::~RdMembership() {
  if (wake_fd_.valid() && !closing_) {
    close(std::chrono::milliseconds(0));
  }
}

// So that a change is seen. What is passed through to the library (source.librdkafka) is not looked at.
Result<void> RdMembership::read_files() {
  const bool own_ca = !options_.tls_ca.empty() && options_.tls_ca != "system";
  if (!source::wants_tls(options_) || !(own_ca || !options_.tls_certificate.empty())) {
    return {};
  }
  if (files_ == nullptr) {
    auto files = crypto::TlsFiles::make(
        {.ca = options_.tls_ca, .own = {.certificate = options_.tls_certificate, .key = options_.tls_key}});
    if (!files) {
      return std::move(files).error();
    }
    files_ = *std::move(files);
  }
  seen_files_ = files_->now();
  return {};
}

// Error: the configuration cannot work, and the client that there is stays.
Result<void> RdMembership::open() {
  if (Result<void> read = read_files(); !read) {
    return read;
  }
  const auto properties = client_properties(options_, end_of_partition_, rd_kafka_version());
  if (!properties) {
    return properties.error();
  }
  std::unique_ptr<ClientCallbacks> callbacks = make_callbacks();
  Result<RdClient> client = make_client(ClientKind::consumer, *properties, *callbacks);
  if (!client) {
    return client.error();
  }
  if (client_) {
    shut(renewal_ == Renewal::fenced ? std::chrono::milliseconds(0) : k_leave_timeout);
  }
  client_ = std::move(*client);
  callbacks_ = std::move(callbacks);
  password_ = PasswordFeed(source::with_newest_secret(options_.auth));
  if (Result<void> watched = watch_group(); !watched) {
    return watched;
  }
  return subscribe();
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

Result<void> RdMembership::subscribe() {
  RdList topics(rd_kafka_topic_partition_list_new(static_cast<int>(options_.topics.size())));
  for (const std::string& topic : options_.topics) {
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
  if (closing_ || renewal_ == Renewal::fenced) {
    give_back();
  } else if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    on_assigned(partitions);
  } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
    if (held_ == Held::asked_back) {
      return;  // for the renewal, already
    }
    const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
    events_.push_back(
        {.kind = lost ? source::MembershipEvent::Kind::lost : source::MembershipEvent::Kind::revoked});
    held_ = Held::asked_back;
  } else {
    give_back();
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
  held_ = Held::given;
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
      parse_member_stamp({static_cast<const std::byte*>(written), written != nullptr ? size : 0},
                         options_.group, member_id ? member_id.get() : "");
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
    if (renewal_ == Renewal::fenced || joins_again(code)) {
      return;
    }
  }
  if (topic.starts_with('^') && code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return;  // an expression that no topic matches yet; the library goes on looking, and joins then
  }
  if (!topic.empty()) {
    reason = concat("topic ", topic);
  }
  Error error = kafka_error(code, concat("Kafka consumer group ", options_.group, ": ", reason));
  if (is_fatal) {
    error.action = Action::fatal;
  } else if (!topic.empty()) {
    // One topic that is not there, or not ours to read, does not end the others. It may come, or come back.
    error.action = Action::retry;
  }
  events_.push_back({.error = std::move(error)});
}

// Whether this is not the end: a first fencing, after which another client joins.
bool RdMembership::joins_again(int fatal_code) {
  const MonoTime now = system_clock().now();
  const bool twin = fenced_at_ && now - *fenced_at_ < k_twin_window;
  if (fatal_code != RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID || twin) {
    return false;
  }
  renewal_ = Renewal::fenced;
  fenced_at_ = now;
  Error error = kafka_error(
      fatal_code, concat("Kafka consumer group ", options_.group, ": instance ", options_.group_instance_id,
                         " was taken by a later join, of another process or of our own that a "
                         "broker handled late; joining again, which is done once in ",
                         k_twin_window.count(), " minutes"));
  error.action = Action::retry;
  events_.push_back({.error = std::move(error)});
  loop_.wake();
  return true;
}

void RdMembership::join_again() {
  if (tenant_.leave) {
    tenant_.leave();
  }
  Result<void> opened = open();
  renewal_ = Renewal::none;
  if (!opened) {
    Error error = std::move(opened).error();
    error.action = Action::fatal;
    events_.push_back({.error = std::move(error)});
  }
  if (tenant_.enter) {
    tenant_.enter();
  }
}

void RdMembership::look_at_files() {
  if (files_ == nullptr) {
    return;
  }
  const bool changed = files_->now() != seen_files_;
  if (std::optional<Error> fault = files_->take_fault()) {
    fault->action = Action::retry;
    events_.push_back({.error = std::move(fault)});
  }
  if (changed && renewal_ == Renewal::none) {
    renewal_ = Renewal::files;
  }
}

// Once for each assignment: the answer is unassign().
void RdMembership::ask_back() {
  const bool lost = renewal_ == Renewal::fenced;
  events_.push_back(
      {.kind = lost ? source::MembershipEvent::Kind::lost : source::MembershipEvent::Kind::revoked});
  held_ = Held::asked_back;
}

void RdMembership::poll(std::vector<source::MembershipEvent>& events) {
  look_at_files();
  if (renewal_ != Renewal::none && held_ == Held::nothing) {
    join_again();
  }
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
  if (renewal_ != Renewal::none && held_ == Held::given) {
    ask_back();
  }
  for (source::MembershipEvent& event : events_) {
    events.push_back(std::move(event));
  }
  events_.clear();
}

void RdMembership::give_back() {
  rd_kafka_assign(client_.get(), nullptr);
}

// May run inside a callback of the client, so the client is not replaced here.
void RdMembership::unassign() {
  held_ = Held::nothing;
  if (renewal_ == Renewal::none) {
    give_back();
  } else {
    loop_.wake();
  }
}

void RdMembership::close(std::chrono::milliseconds timeout) {
  closing_ = true;
  shut(timeout);
}

void RdMembership::shut(std::chrono::milliseconds timeout) {
  if (wake_fd_.valid()) {
    loop_.unwatch(wake_fd_.get());
    unwatch(group_queue_.get());
  }
  group_queue_.reset();  // must be gone before the consumer closes
  const RdQueue events(rd_kafka_queue_new(client_.get()));
  rd_kafka_error_t* error = rd_kafka_consumer_close_queue(client_.get(), events.get());
  if (error != nullptr) {  // a fatal error: nothing is held, and nobody is told
    rd_kafka_error_destroy(error);
    return;
  }
  const MonoTime deadline = system_clock().now() + timeout;
  while (rd_kafka_consumer_closed(client_.get()) == 0 && system_clock().now() < deadline) {
    rd_kafka_event_t* event = rd_kafka_queue_poll(events.get(), 20);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
      give_back();
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
