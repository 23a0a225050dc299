// How it works. Fetch has two forms. Up to version 11 a topic has its name, lengths are fixed, and the answer
// is read by position. From version 13 on a topic has its id, lengths are varints and tagged fields may
// follow anywhere (flexible versions). A broker that has deleted a topic and made it anew refuses its former
// id, so that the second form can never read the new log at a position of the old one. FetchReader walks an
// answer of either form without copying: the records stay in the buffer that they were received into.
#include "wire/fetch.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace penstock::wire {
namespace {

constexpr std::int32_t k_consumer_replica = -1;
constexpr std::int8_t k_read_committed = 1;
constexpr std::int32_t k_no_session = 0;
constexpr std::int32_t k_no_session_epoch = -1;
// Only followers have one to tell.
constexpr std::int64_t k_no_log_start = -1;
// Asks the broker to compare histories. We do that ourselves, by OffsetForLeaderEpoch.
constexpr std::int32_t k_no_last_fetched_epoch = -1;

// The least that an item of the response's arrays takes, in any version.
constexpr std::size_t k_fetched_topic_bytes_min = 1 + 1;
constexpr std::size_t k_fetched_partition_bytes_min = 4 + 2 + 8 + 8 + 1 + 1;
constexpr std::size_t k_aborted_bytes = 8 + 8;

// Writes a request's arrays and ends of structures as its version has them.
class Form {
 public:
  Form(ByteWriter& writer, std::int16_t version)
      : writer_(writer), flexible_(is_flexible(ApiKey::fetch, version)) {}

  void count(std::size_t count) {
    if (flexible_) {
      writer_.compact_array_count(count);
    } else {
      writer_.array_count(count);
    }
  }
  void string(std::string_view text) {
    if (flexible_) {
      writer_.compact_string(text);
    } else {
      writer_.string(text);
    }
  }
  void end_structure() {
    if (flexible_) {
      writer_.no_tagged_fields();
    }
  }

 private:
  ByteWriter& writer_;
  bool flexible_;
};

std::size_t run_end(std::span<const FetchPartition> items, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < items.size() && items[end].topic == items[begin].topic) {
    ++end;
  }
  return end;
}

void write_partition(ByteWriter& writer, std::int16_t version, const FetchPartition& item) {
  writer.int32(item.partition.value);
  if (version >= 9) {
    writer.int32(item.leader_epoch);
  }
  writer.int64(item.position.value);
  if (version >= 12) {
    writer.int32(k_no_last_fetched_epoch);
  }
  if (version >= 5) {
    writer.int64(k_no_log_start);
  }
  writer.int32(item.bytes_max);
}

void write_topics(ByteWriter& writer, std::int16_t version, std::span<const FetchPartition> items) {
  Form form(writer, version);
  std::size_t topics = 0;
  for (std::size_t at = 0; at < items.size(); at = run_end(items, at)) {
    ++topics;
  }
  form.count(topics);
  for (std::size_t at = 0; at < items.size();) {
    const std::size_t end = run_end(items, at);
    if (version >= k_fetch_by_id) {
      CHECK((items[at].topic_id != k_no_topic_id));
      writer.raw(items[at].topic_id);
    } else {
      form.string(items[at].topic);
    }
    form.count(end - at);
    for (; at < end; ++at) {
      write_partition(writer, version, items[at]);
      form.end_structure();
    }
    form.end_structure();
  }
}

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

}  // namespace

TopicId topic_id_of(std::string_view hex) {
  TopicId id = k_no_topic_id;
  if (hex.size() != 2 * id.size()) {
    return k_no_topic_id;
  }
  for (std::size_t i = 0; i < id.size(); ++i) {
    const int high = hex_digit(hex[2 * i]);
    const int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return k_no_topic_id;
    }
    id[i] = static_cast<std::byte>(high * 16 + low);
  }
  return id;
}

// FetchRequest.json. A number in brackets is the first version that has the field.
//
//   replica id int32 | wait at most ms int32 | bytes at least int32 | bytes at most int32
//   | isolation level int8 | session id int32 [7] | session epoch int32 [7]
//   | array: topic string [-12] | topic id uuid [13]
//            | array: partition int32 | leader epoch int32 [9] | fetch offset int64
//                     | last fetched epoch int32 [12] | log start int64 [5] | bytes at most int32
//   | array of forgotten topics [7] | rack string [11]
//
// From version 12 on strings and arrays are compact, and tagged fields, of which we write none, end each
// structure.
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
  write_topics(writer, version, request.partitions);
  Form form(writer, version);
  if (version >= 7) {
    form.count(0);  // forgotten topics
  }
  if (version >= 11) {
    form.string("");  // rack
  }
  form.end_structure();
}

// FetchResponse.json. A number in brackets is the first version that has the field.
//
//   throttle ms int32 | error code int16 [7] | session id int32 [7]
//   | array: topic string [-12] | topic id uuid [13]
//            | array: partition int32 | error code int16 | high watermark int64 | last stable offset int64
//                     | log start int64 [5] | array of aborted: producer id int64, first offset int64
//                     | preferred replica int32 [11] | records: length int32, bytes
//
// From version 12 on the length of the records is a varint and one too high, as those of strings and arrays,
// and each structure ends in tagged fields. One of a partition's names its leader; the metadata tell us that.
FetchResponseReader::FetchResponseReader(Bytes body, std::int16_t version)
    : reader_(body), version_(version), flexible_(is_flexible(ApiKey::fetch, version)) {
  throttle_ms_ = reader_.int32();
  if (version_ >= 7) {
    error_code_ = ErrorCode{reader_.int16()};
    static_cast<void>(reader_.int32());  // session id
  }
  topics_left_ = count(k_fetched_topic_bytes_min);
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
  got.topic_id = topic_id_;
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
  got.records = read_records();
  end_structure();
  if (!reader_.ok()) {
    return std::nullopt;
  }
  return got;
}

bool FetchResponseReader::enter_topic() {
  if (std::exchange(in_topic_, false)) {
    end_structure();
  }
  if (topics_left_ == 0 && !std::exchange(ended_, true)) {
    end_structure();
  }
  if (topics_left_ == 0 || !reader_.ok()) {
    return false;
  }
  --topics_left_;
  in_topic_ = true;
  if (version_ >= k_fetch_by_id) {
    const Bytes id = reader_.bytes(topic_id_.size());
    std::ranges::copy(id, topic_id_.begin());
  } else {
    topic_ = flexible_ ? reader_.compact_string() : reader_.string();
  }
  partitions_left_ = count(k_fetched_partition_bytes_min);
  return reader_.ok();
}

std::size_t FetchResponseReader::count(std::size_t item_bytes_min) {
  return flexible_ ? reader_.compact_array_count(item_bytes_min) : reader_.array_count(item_bytes_min);
}

Bytes FetchResponseReader::read_records() {
  if (!flexible_) {
    return reader_.nullable_bytes().value_or(Bytes());
  }
  const std::uint32_t length = reader_.unsigned_varint();
  return length == 0 ? Bytes() : reader_.bytes(length - 1);
}

void FetchResponseReader::end_structure() {
  if (flexible_) {
    reader_.skip_tagged_fields();
  }
}

void FetchResponseReader::read_aborted(std::vector<AbortedTransaction>& aborted, std::size_t& count) {
  count = this->count(k_aborted_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    AbortedTransaction transaction;
    transaction.producer_id = reader_.int64();
    transaction.first_offset = reader_.int64();
    end_structure();
    aborted.push_back(transaction);
  }
}

}  // namespace penstock::wire
