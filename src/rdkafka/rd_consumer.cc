// How it works
//
// Two queues of the library are served apart, so that the group is heard while no record can be taken:
//
//   queue per partition ─► data queue ──► take_messages(), when there is room
//   answers to commits ──► group queue ─► the membership's poll()
//
// The worked case is a commit:
//
//   1. commit() hands the entries to the library and names the group queue for the answer. It does not wait.
//   2. The coordinator answers. The membership's poll() serves the group queue, and so finish_commit() runs
//      on the worker's thread.
//   3. An error of the call counts, or else the first error of a partition. Its outcome is `unknown`, because
//      the library may have sent the commit more than once.
//   4. Had the library refused it before sending, no answer would come. So the code waits in commit_refused_,
//      and the loop is woken. The next poll() tells it.
//
// The library keeps a partition paused over a change of assignment. So assign() resumes what it assigns.
#include "rdkafka/rd_consumer.h"

#include <cstring>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "base/check.h"
#include "base/concat.h"
#include "rdkafka/kafka_errors.h"

namespace penstock::rdkafka {
namespace {

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

RdConsumer::RdConsumer(RdMembership& membership, io::Loop& loop)
    : membership_(membership),
      loop_(loop),
      client_(membership.client()),
      data_queue_(rd_kafka_queue_new(client_)) {
  membership_.watch(data_queue_.get());
}

void RdConsumer::poll() {
  if (commit_refused_ != 0) {
    finish_commit(std::exchange(commit_refused_, 0), nullptr);
  }
  if (forward_again_until_ != MonoTime{}) {
    forward_queues();
    if (system_clock().now() > forward_again_until_) {
      forward_again_until_ = {};
    }
  }
}

void RdConsumer::forward_queues() {
  for (const TopicPartition& partition : forwarded_) {
    const RdQueue queue(
        rd_kafka_queue_get_partition(client_, partition.topic.c_str(), partition.partition.value));
    if (queue) {
      rd_kafka_queue_forward(queue.get(), data_queue_.get());
    }
  }
}

// The library un-forwards a partition's queue when its fetcher stops, on a thread of its own, and does not
// forward it again for us. In a rebalance that is over before the next assignment. When an assignment
// replaces another, the old fetchers stop after this call: so what is assigned is forwarded again for a
// while. It may be a later assignment that has them: after one of no partitions, their old fetchers may stop
// still. What came in between moves along.
Result<void> RdConsumer::assign(std::span<const PositionedPartition> partitions) {
  const bool replaces = !forwarded_.empty();
  forwarded_.clear();
  for (const PositionedPartition& partition : partitions) {
    forwarded_.push_back(partition.id);
  }
  forward_queues();
  const RdList list = positioned_list(partitions);
  const rd_kafka_resp_err_t code = rd_kafka_assign(client_, list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, "assigning the partitions that the group gave to this worker");
  }
  if (paused_) {
    rd_kafka_resume_partitions(client_, list.get());
    paused_ = false;
  }
  if (replaces) {
    forward_again_until_ = system_clock().now() + k_forward_again;
  }
  return {};
}

void RdConsumer::forget_assignment() {
  forwarded_.clear();
  forward_again_until_ = {};
  paused_ = false;
}

void RdConsumer::take_messages(MessageBatch& batch, std::size_t messages_max) {
  batch.fill(data_queue_.get(), messages_max);
}

void RdConsumer::discard_messages() {
  MessageBatch batch;
  do {
    batch.clear();
    take_messages(batch, MessageBatch::k_messages_max);
  } while (!batch.empty());
}

void RdConsumer::seek(const TopicPartition& partition, Position position) {
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client_, partition.topic.c_str(), nullptr);
  if (topic != nullptr) {
    rd_kafka_seek(topic, partition.partition.value, position.value, 0);  // 0: does not wait
    rd_kafka_topic_destroy(topic);
  }
}

void RdConsumer::pause(const TopicPartition& partition) {
  const RdList list = make_list(std::span(&partition, 1));
  rd_kafka_pause_partitions(client_, list.get());
  paused_ = true;
}

void RdConsumer::commit(std::span<const EntryToCommit> commits, std::function<void(CommitReply)> done) {
  CHECK(!commit_done_);
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(commits.size())));
  for (const EntryToCommit& commit : commits) {
    rd_kafka_topic_partition_t* row =
        rd_kafka_topic_partition_list_add(list.get(), commit.id.topic.c_str(), commit.id.partition.value);
    row->offset = commit.position.value;
    if (!commit.metadata.empty()) {
      row->metadata = rd_kafka_mem_malloc(client_, commit.metadata.size());  // the list frees it
      std::memcpy(row->metadata, commit.metadata.data(), commit.metadata.size());
      row->metadata_size = commit.metadata.size();
    }
  }
  commit_done_ = std::move(done);
  commit_items_ = commits.size();
  const auto on_done = [](rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* offsets,
                          void* self) { static_cast<RdConsumer*>(self)->finish_commit(code, offsets); };
  const rd_kafka_resp_err_t code =
      rd_kafka_commit_queue(client_, list.get(), membership_.group_queue(), on_done, this);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    commit_refused_ = code;  // told from poll(), not from within the caller's frame
    loop_.wake();
  }
}

void RdConsumer::finish_commit(int code, const rd_kafka_topic_partition_list_s* offsets) {
  if (!commit_done_) {
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
  std::exchange(commit_done_, nullptr)(CommitReply::alike(commit_items_, outcome, std::move(error)));
}

Position RdConsumer::log_end(const TopicPartition& partition) const {
  std::int64_t low = -1;
  std::int64_t high = -1;
  const rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(client_, partition.topic.c_str(),
                                                                  partition.partition.value, &low, &high);
  return Position{code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : -1};
}

void RdConsumer::give_up_commit() {
  finish_commit(RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, nullptr);
}

void RdConsumer::stop() {
  commit_done_ = nullptr;
  RdMembership::unwatch(data_queue_.get());
}

}  // namespace penstock::rdkafka
