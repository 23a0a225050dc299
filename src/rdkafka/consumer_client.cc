#include "rdkafka/consumer_client.h"

#include <cerrno>
#include <cstring>

#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/member_stamp.h"

namespace penstock::rdkafka {
namespace {

constexpr std::uint64_t k_wake = 1;
constexpr int k_group_events_max = 100;  // a poll, so that a storm of errors cannot hold the worker

// After an assignment replaced another, see assign().
constexpr auto k_forward_again = std::chrono::seconds(10);

RdList positioned_list(std::span<const PositionedPartition> partitions) {
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const PositionedPartition& partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.id.topic.c_str(), partition.id.partition.value)
        ->offset = partition.position.value;
  }
  return list;
}

}  // namespace

Result<std::unique_ptr<ConsumerClient>> ConsumerClient::join(const source::ConsumerOptions& options,
                                                             EndOfPartition end_of_partition,
                                                             io::Loop& loop) {
  std::unique_ptr<ConsumerClient> consumer(new ConsumerClient(loop, options));
  if (Result<void> opened = consumer->open(options, end_of_partition); !opened) {
    return opened.error();
  }
  return consumer;
}

ConsumerClient::ConsumerClient(io::Loop& loop, const source::ConsumerOptions& options)
    : loop_(loop), certificates_(options.tls_ca) {
  callbacks_.log = options.log;
  callbacks_.token = source::token_reader(options.auth);
  if (source::wants_tls(options)) {
    callbacks_.certificate = [this](const std::string& broker, long verify_result, Bytes certificate) {
      certificates_.refused(broker, verify_result, certificate);
    };
  }
  callbacks_.error = [this](int code, const std::string& reason) {
    // Says nothing of why, and also comes when a session has ended at the broker and the next connection is made at
    // once, as 2.0.2 renews none. A broker that is not reached has an error of its own.
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
      return;
    }
    // 2.0.2 now and then has _TRANSPORT for it.
    const bool is_of_certificate =
        code == RD_KAFKA_RESP_ERR__SSL || reason.find("certificate verify failed") != std::string::npos;
    const auto refused = is_of_certificate ? certificates_.take() : std::nullopt;
    events_.push_back({.kind = GroupEvent::Kind::error,
                       .partitions = {},
                       .code = refused ? RD_KAFKA_RESP_ERR__SSL : code,
                       .topic = {},
                       .reason = refused ? refused->message : reason});
  };
  callbacks_.rebalance = [this](int code, const rd_kafka_topic_partition_list_s* partitions) {
    on_rebalance(code, partitions);
  };
}

ConsumerClient::~ConsumerClient() {
  if (wake_fd_.valid() && !closing_) {
    close(std::chrono::milliseconds(0));
  }
}

Result<void> ConsumerClient::open(const source::ConsumerOptions& options, EndOfPartition end_of_partition) {
  group_ = options.group;
  const auto properties = client_properties(options, end_of_partition, rd_kafka_version());
  if (!properties) {
    return properties.error();
  }
  Result<RdClient> client = make_client(ClientKind::consumer, *properties, callbacks_);
  if (!client) {
    return client.error();
  }
  client_ = std::move(*client);
  if (Result<void> watched = watch_queues(); !watched) {
    return watched;
  }
  return subscribe(options);
}

Result<void> ConsumerClient::watch_queues() {
  wake_fd_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake_fd_.valid()) {
    return os_error(errno, "making an eventfd for the Kafka client");
  }
  group_queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  data_queue_.reset(rd_kafka_queue_new(client_.get()));
  // The library writes once when an empty queue gets something. Reading the counter at once keeps a level-
  // triggered loop from spinning while messages wait for room.
  rd_kafka_queue_io_event_enable(group_queue_.get(), wake_fd_.get(), &k_wake, sizeof k_wake);
  rd_kafka_queue_io_event_enable(data_queue_.get(), wake_fd_.get(), &k_wake, sizeof k_wake);
  loop_.watch(wake_fd_.get(), {.readable = true}, [fd = wake_fd_.get()](io::Interest) {
    std::uint64_t count = 0;
    static_cast<void>(!::read(fd, &count, sizeof count));
  });
  return {};
}

Result<void> ConsumerClient::subscribe(const source::ConsumerOptions& options) {
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

// Runs inside poll_group(), and inside close().
void ConsumerClient::on_rebalance(int code, const rd_kafka_topic_partition_list_s* partitions) {
  if (closing_) {
    unassign();
    return;
  }
  if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    static_cast<void>(assign({}));
    events_.push_back({.kind = GroupEvent::Kind::assigned,
                       .partitions = partitions_of(partitions),
                       .code = 0,
                       .topic = {},
                       .reason = {},
                       .stamp = read_stamp()});
    return;
  }
  if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
    const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
    events_.push_back({.kind = lost ? GroupEvent::Kind::lost : GroupEvent::Kind::revoked,
                       .partitions = {},
                       .code = 0,
                       .topic = {},
                       .reason = {}});
    return;
  }
  unassign();  // what the library asks for after any other code
  events_.push_back({.kind = GroupEvent::Kind::error,
                     .partitions = {},
                     .code = code,
                     .topic = {},
                     .reason = "the group could not be rebalanced"});
}

Result<MemberStamp> ConsumerClient::read_stamp() const {
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

void ConsumerClient::poll_group(std::vector<GroupEvent>& events) {
  for (int i = 0; i < k_group_events_max; ++i) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client_.get(), 0);
    if (message == nullptr) {
      break;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* reason = rd_kafka_message_errstr(message);
      events_.push_back({.kind = GroupEvent::Kind::error,
                         .partitions = {},
                         .code = message->err,
                         .topic = message->rkt != nullptr ? rd_kafka_topic_name(message->rkt) : "",
                         .reason = reason != nullptr ? reason : ""});
    }
    rd_kafka_message_destroy(message);
  }
  if (commit_refused_ != 0) {
    finish_commit(std::exchange(commit_refused_, 0), nullptr);
  }
  if (forward_again_until_ != MonoTime{}) {
    forward_queues();
    if (system_clock().now() > forward_again_until_) {
      forward_again_until_ = {};
    }
  }
  for (GroupEvent& event : events_) {
    events.push_back(std::move(event));
  }
  events_.clear();
}

void ConsumerClient::forward_queues() {
  for (const TopicPartition& partition : forwarded_) {
    const RdQueue queue(
        rd_kafka_queue_get_partition(client_.get(), partition.topic.c_str(), partition.partition.value));
    if (queue) {
      rd_kafka_queue_forward(queue.get(), data_queue_.get());
    }
  }
}

// The library un-forwards a partition's queue when its fetcher stops, on a thread of its own, and does not
// forward it again for us. In a rebalance that is over before the next assignment. When an assignment
// replaces another, the old fetchers stop after this call: so the queues are forwarded again for a while.
// What came in between moves along.
Result<void> ConsumerClient::assign(std::span<const PositionedPartition> partitions) {
  const bool replaces = !forwarded_.empty();
  forwarded_.clear();
  for (const PositionedPartition& partition : partitions) {
    forwarded_.push_back(partition.id);
  }
  forward_queues();
  const RdList list = positioned_list(partitions);
  const rd_kafka_resp_err_t code = rd_kafka_assign(client_.get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, "assigning the partitions that the group gave to this worker");
  }
  if (paused_) {
    rd_kafka_resume_partitions(client_.get(), list.get());
    paused_ = false;
  }
  if (replaces && !partitions.empty()) {
    forward_again_until_ = system_clock().now() + k_forward_again;
  }
  return {};
}

void ConsumerClient::unassign() {
  forwarded_.clear();
  forward_again_until_ = {};
  rd_kafka_assign(client_.get(), nullptr);
}

void ConsumerClient::take_messages(MessageBatch& batch, std::size_t messages_max) {
  batch.fill(data_queue_.get(), messages_max);
}

bool ConsumerClient::messages_wait() const {
  return rd_kafka_queue_length(data_queue_.get()) > 0;
}

void ConsumerClient::discard_messages() {
  MessageBatch batch;
  do {
    batch.clear();
    take_messages(batch, MessageBatch::k_messages_max);
  } while (!batch.empty());
}

void ConsumerClient::seek(const TopicPartition& partition, Position position) {
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client_.get(), partition.topic.c_str(), nullptr);
  if (topic != nullptr) {
    rd_kafka_seek(topic, partition.partition.value, position.value, 0);  // 0: does not wait
    rd_kafka_topic_destroy(topic);
  }
}

void ConsumerClient::pause(const TopicPartition& partition) {
  const RdList list = make_list(std::span(&partition, 1));
  rd_kafka_pause_partitions(client_.get(), list.get());
  paused_ = true;
}

void ConsumerClient::commit(std::span<const EntryToCommit> commits, std::function<void(CommitReply)> done) {
  CHECK(!commit_done_);
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(commits.size())));
  for (const EntryToCommit& commit : commits) {
    rd_kafka_topic_partition_t* row =
        rd_kafka_topic_partition_list_add(list.get(), commit.id.topic.c_str(), commit.id.partition.value);
    row->offset = commit.position.value;
    if (!commit.metadata.empty()) {
      row->metadata = rd_kafka_mem_malloc(client_.get(), commit.metadata.size());  // the list frees it
      std::memcpy(row->metadata, commit.metadata.data(), commit.metadata.size());
      row->metadata_size = commit.metadata.size();
    }
  }
  commit_done_ = std::move(done);
  const auto on_done = [](rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* offsets,
                          void* self) { static_cast<ConsumerClient*>(self)->finish_commit(code, offsets); };
  const rd_kafka_resp_err_t code =
      rd_kafka_commit_queue(client_.get(), list.get(), group_queue_.get(), on_done, this);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    commit_refused_ = code;  // told from poll_group(), not from within the caller's frame
    loop_.wake();
  }
}

void ConsumerClient::finish_commit(int code, const rd_kafka_topic_partition_list_s* offsets) {
  if (!commit_done_ || closing_) {
    return;
  }
  std::optional<Error> error;
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    error = kafka_error(code, "committing offsets");
  }
  for (int i = 0; !error && offsets != nullptr && i < offsets->cnt; ++i) {
    const rd_kafka_topic_partition_t& row = offsets->elems[i];
    if (row.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      error = kafka_error(row.err, concat("committing offset ", row.offset, " of topic ", row.topic,
                                          ", partition ", row.partition));
    }
  }
  // Under what stamp it went, and how often, is the library's affair: so nothing more can be said of it.
  const CommitOutcome outcome = error ? CommitOutcome::unknown : CommitOutcome::done;
  std::exchange(commit_done_,
                nullptr)({.outcome = outcome, .membership_lost = false, .error = std::move(error)});
}

Position ConsumerClient::log_end(const TopicPartition& partition) const {
  std::int64_t low = -1;
  std::int64_t high = -1;
  const rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(client_.get(), partition.topic.c_str(),
                                                                  partition.partition.value, &low, &high);
  return Position{code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : -1};
}

void ConsumerClient::close(std::chrono::milliseconds timeout) {
  closing_ = true;
  if (wake_fd_.valid()) {
    loop_.unwatch(wake_fd_.get());
    rd_kafka_queue_io_event_enable(group_queue_.get(), -1, nullptr, 0);
    rd_kafka_queue_io_event_enable(data_queue_.get(), -1, nullptr, 0);
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

}  // namespace penstock::rdkafka
