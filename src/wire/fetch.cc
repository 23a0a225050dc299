#include "wire/fetch.h"

#include "wire/topic_rows.h"

namespace penstock::wire {
namespace {

constexpr std::int32_t k_consumer_replica = -1;
constexpr std::int8_t k_read_committed = 1;
constexpr std::int32_t k_no_session = 0;
constexpr std::int32_t k_no_session_epoch = -1;
constexpr std::int64_t k_no_log_start = -1;  // followers only

// The least that an item of the response's arrays takes, in any version.
constexpr std::size_t k_fetched_topic_bytes_min = 2 + 4;
constexpr std::size_t k_fetched_partition_bytes_min = 4 + 2 + 8 + 8 + 4 + 4;
constexpr std::size_t k_aborted_bytes = 8 + 8;

}  // namespace

void encode_fetch(Buffer& out, std::int16_t version, const FetchRequest& request) {
  ByteWriter writer(out);
  writer.int32(k_consumer_replica);
  writer.int32(request.wait_ms_max);
  writer.int32(request.bytes_min);
  writer.int32(request.bytes_max);
  writer.int8(k_read_committed);
  if (version >= 7) {
    writer.int32(k_no_session);
    writer.int32(k_no_session_epoch);
  }
  write_topic_runs(writer, request.partitions, [&](const FetchPartition& item) {
    writer.int32(item.partition.value);
    if (version >= 9) {
      writer.int32(item.leader_epoch);
    }
    writer.int64(item.position.value);
    if (version >= 5) {
      writer.int64(k_no_log_start);
    }
    writer.int32(item.bytes_max);
  });
  if (version >= 7) {
    writer.array_count(0);  // forgotten topics
  }
  if (version >= 11) {
    writer.string("");  // rack
  }
}

FetchResponseReader::FetchResponseReader(Bytes body, std::int16_t version)
    : reader_(body), version_(version) {
  throttle_ms_ = reader_.int32();
  if (version_ >= 7) {
    error_code_ = ErrorCode{reader_.int16()};
    static_cast<void>(reader_.int32());  // session id
  }
  topics_left_ = reader_.array_count(k_fetched_topic_bytes_min);
}

std::optional<FetchedPartition> FetchResponseReader::next(std::vector<AbortedTransaction>& aborted) {
  while (partitions_left_ == 0) {
    if (!enter_topic()) {
      return std::nullopt;
    }
  }
  --partitions_left_;
  FetchedPartition got;
  got.topic = topic_;
  got.partition = Partition{reader_.int32()};
  got.error_code = ErrorCode{reader_.int16()};
  got.high_watermark = Position{reader_.int64()};
  got.last_stable_offset = Position{reader_.int64()};
  if (version_ >= 5) {
    got.log_start = Position{reader_.int64()};
  }
  read_aborted(aborted, got.aborted_count);
  if (version_ >= 11) {
    got.preferred_replica = BrokerId{reader_.int32()};
  }
  got.records = reader_.nullable_bytes().value_or(Bytes());
  if (!reader_.ok()) {
    return std::nullopt;
  }
  return got;
}

bool FetchResponseReader::enter_topic() {
  if (topics_left_ == 0 || !reader_.ok()) {
    return false;
  }
  --topics_left_;
  topic_ = reader_.string();
  partitions_left_ = reader_.array_count(k_fetched_partition_bytes_min);
  return reader_.ok();
}

void FetchResponseReader::read_aborted(std::vector<AbortedTransaction>& aborted, std::size_t& count) {
  count = reader_.array_count(k_aborted_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    AbortedTransaction transaction;
    transaction.producer_id = reader_.int64();
    transaction.first_offset = reader_.int64();
    aborted.push_back(transaction);
  }
}

}  // namespace penstock::wire
