// Messages taken from a queue of librdkafka and not yet handed over. Internal to this module.
//
// Bounded by one batch: fill() only when empty. A message pins its whole fetch response, so it is destroyed
// as soon as it is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/record_view.h"
#include "base/types.h"
#include "source/source.h"

struct rd_kafka_message_s;
struct rd_kafka_queue_s;

namespace penstock::rdkafka {

class MessageBatch {
 public:
  static constexpr std::size_t k_messages_max = 1000;  // larger batches measured slower: cold caches

  MessageBatch() = default;
  MessageBatch(const MessageBatch&) = delete;
  MessageBatch& operator=(const MessageBatch&) = delete;
  ~MessageBatch() { clear(); }

  // Takes what waits in `queue`, without waiting. The batch is empty before.
  void fill(rd_kafka_queue_s* queue, std::size_t messages_max);

  bool empty() const { return first_ == messages_.size(); }
  std::size_t size() const { return messages_.size() - first_; }

  // The message at the front. Only when not empty().
  int front_code() const;  // 0: a record; otherwise an error of its partition
  std::string_view front_topic() const;
  Partition front_partition() const;
  Offset front_offset() const;
  std::string_view front_reason() const;  // of an error: the library's words

  // The longest run of records at the front that are of one partition and in order, as views. Valid until the
  // next call of a non-const function.
  std::span<const RecordView> front_run(RecordHeaders headers);

  void drop(std::size_t count);    // from the front
  void drop_partition_of_front();  // every message of its partition, wherever it is
  void clear();

 private:
  bool same_partition(const rd_kafka_message_s& a, const rd_kafka_message_s& b) const;
  void append_headers(const rd_kafka_message_s& message);

  std::vector<rd_kafka_message_s*> messages_;  // [first_, end) are owned
  std::size_t first_ = 0;
  std::vector<RecordView> views_;
  std::vector<HeaderView> headers_;
  std::vector<std::size_t> header_counts_;
};

}  // namespace penstock::rdkafka
