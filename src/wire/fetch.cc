#include "wire/fetch.h"

#include "wire/topic_rows.h"

namespace penstock::wire {
namespace {

constexpr std::int32_t k_consumer_replica = -1;
constexpr std::int8_t k_read_committed = 1;
constexpr std::int32_t k_no_session = 0;
constexpr std::int32_t k_no_session_epoch = -1;
// Only followers have one to tell.
constexpr std::int64_t k_no_log_start = -1;

// The least that an item of the response's arrays takes, in any version.
constexpr std::size_t k_fetched_topic_bytes_min = 2 + 4;
constexpr std::size_t k_fetched_partition_bytes_min = 4 + 2 + 8 + 8 + 4 + 4;
constexpr std::size_t k_aborted_bytes = 8 + 8;

}  // namespace

// FetchRequest.json. A number in brackets is the first version that has the field.
//
//   replica id int32 | wait at most ms int32 | bytes at least int32 | bytes at most int32
//   | isolation level int8 | session id int32 [7] | session epoch int32 [7]
//   | array: topic string
//            | array: partition int32 | leader epoch int32 [9] | fetch offset int64 | log start int64 [5]
//                     | bytes at most int32
//   | array of forgotten topics [7] | rack string [11]
//
// Session 0 at epoch -1 asks for no session: then a broker keeps no state for us, and a request stands for
// itself.
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

// FetchResponse.json. A number in brackets is the first version that has the field.
//
//   throttle ms int32 | error code int16 [7] | session id int32 [7]
//   | array: topic string
//            | array: partition int32 | error code int16 | high watermark int64 | last stable offset int64
//                     | log start int64 [5] | array of aborted: producer id int64, first offset int64
//                     | preferred replica int32 [11] | records: length int32, bytes
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
