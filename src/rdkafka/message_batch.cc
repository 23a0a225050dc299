#include "rdkafka/message_batch.h"

#include <algorithm>

#include <librdkafka/rdkafka.h>

#include "base/check.h"

namespace penstock::rdkafka {
namespace {

Bytes bytes_of(const void* data, std::size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

TimestampType type_of(rd_kafka_timestamp_type_t type) {
  if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) {
    return TimestampType::unknown;
  }
  return type == RD_KAFKA_TIMESTAMP_CREATE_TIME ? TimestampType::created : TimestampType::appended;
}

RecordView view_of(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t timestamp = rd_kafka_message_timestamp(&message, &type);
  return {.offset = Offset{message.offset},
          .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp,
          .key = bytes_of(message.key, message.key_len),
          .value = bytes_of(message.payload, message.len),
          .headers = {},
          .null_key = message.key == nullptr,
          .null_value = message.payload == nullptr,
          .timestamp_type = type_of(type)};
}

}  // namespace

void MessageBatch::fill(rd_kafka_queue_s* queue, std::size_t messages_max) {
  CHECK(empty());
  first_ = 0;
  messages_.resize(std::min(messages_max, k_messages_max));
  const ssize_t count = rd_kafka_consume_batch_queue(queue, 0, messages_.data(), messages_.size());
  messages_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
}

int MessageBatch::front_code() const {
  return messages_[first_]->err;
}
std::string_view MessageBatch::front_topic() const {
  const rd_kafka_topic_t* topic = messages_[first_]->rkt;
  return topic != nullptr ? rd_kafka_topic_name(topic) : "";
}
Partition MessageBatch::front_partition() const {
  return Partition{messages_[first_]->partition};
}
Offset MessageBatch::front_offset() const {
  return Offset{messages_[first_]->offset};
}
std::string_view MessageBatch::front_reason() const {
  const char* reason = rd_kafka_message_errstr(messages_[first_]);
  return reason != nullptr ? reason : "";
}

bool MessageBatch::same_partition(const rd_kafka_message_s& a, const rd_kafka_message_s& b) const {
  return a.rkt == b.rkt && a.partition == b.partition;
}

void MessageBatch::append_headers(const rd_kafka_message_s& message) {
  rd_kafka_headers_t* list = nullptr;
  std::size_t count = 0;
  if (rd_kafka_message_headers(&message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* key = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    while (rd_kafka_header_get_all(list, count, &key, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      headers_.push_back({.key = key, .value = bytes_of(value, size), .null_value = value == nullptr});
      ++count;
    }
  }
  header_counts_.push_back(count);
}

std::span<const RecordView> MessageBatch::front_run(RecordHeaders headers) {
  views_.clear();
  headers_.clear();
  header_counts_.clear();
  const rd_kafka_message_t& front = *messages_[first_];
  for (std::size_t i = first_; i < messages_.size(); ++i) {
    const rd_kafka_message_t& message = *messages_[i];
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR || !same_partition(message, front) ||
        (!views_.empty() && message.offset <= views_.back().offset.value)) {
      break;
    }
    views_.push_back(view_of(message));
    if (headers == RecordHeaders::wanted) {
      append_headers(message);
    }
  }
  // Only now: the vector of headers does not move any more.
  std::size_t next = 0;
  for (std::size_t i = 0; i < header_counts_.size(); ++i) {
    views_[i].headers = std::span(headers_).subspan(next, header_counts_[i]);
    next += header_counts_[i];
  }
  return views_;
}

void MessageBatch::drop(std::size_t count) {
  CHECK(count <= size());
  for (; count > 0; --count) {
    rd_kafka_message_destroy(messages_[first_++]);
  }
}

void MessageBatch::drop_partition_of_front() {
  // The front is destroyed last: what it is compared with stays alive.
  rd_kafka_message_t* const front = messages_[first_];
  const auto doomed = [&](rd_kafka_message_t* message) { return same_partition(*message, *front); };
  const auto begin = messages_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto kept_end = std::stable_partition(begin, messages_.end(),
                                              [&](rd_kafka_message_t* message) { return !doomed(message); });
  for (auto it = kept_end; it != messages_.end(); ++it) {
    if (*it != front) {
      rd_kafka_message_destroy(*it);
    }
  }
  rd_kafka_message_destroy(front);
  messages_.erase(kept_end, messages_.end());
}

void MessageBatch::clear() {
  drop(size());
  messages_.clear();
  first_ = 0;
}

}  // namespace penstock::rdkafka
