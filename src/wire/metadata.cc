// How it works. One writer and one reader serve the plain versions and the flexible ones (from 9 on). These
// count strings and arrays in another way, and end each structure with tagged fields. Fields reads either, as
// the version says.
//
// An example: one topic "a", asked for by name.
//
//   version 7     00000001  0001 61  00                  count, length and name, create what is absent
//   version 12    02        (16 zeros) 02 61 00  00 00 00   count + 1, no id, length + 1 and name, tagged
//                                                       fields; create, authorized operations, tagged fields
#include "wire/metadata.h"

#include <array>

#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::wire {
namespace {

constexpr std::size_t k_topic_id_bytes = 16;

// The least that an item of each array takes, in any version. A flexible one saves bytes in its strings and
// arrays, and has more fields.
constexpr std::size_t k_broker_bytes_min = 4 + 1 + 4 + 1 + 1;
constexpr std::size_t k_topic_bytes_min = 2 + 2 + 1 + 4;
constexpr std::size_t k_partition_bytes_min = 2 + 4 + 4 + 4 + 4;
constexpr std::size_t k_replica_bytes = 4;

// A reader of this response's version.
class Fields {
 public:
  Fields(Bytes body, std::int16_t version)
      : reader_(body), version_(version), flexible_(is_flexible(ApiKey::metadata, version)) {}

  ByteReader& plain() { return reader_; }
  bool has(std::int16_t first_version) const { return version_ >= first_version; }
  std::string_view string() { return flexible_ ? reader_.compact_string() : reader_.string(); }
  std::size_t count(std::size_t item_bytes_min) {
    return flexible_ ? reader_.compact_array_count(item_bytes_min) : reader_.array_count(item_bytes_min);
  }
  void skip_replicas() { reader_.skip(count(k_replica_bytes) * k_replica_bytes); }
  void end_structure() {
    if (flexible_) {
      reader_.skip_tagged_fields();
    }
  }

 private:
  ByteReader reader_;
  std::int16_t version_;
  bool flexible_;
};

Broker read_broker(Fields& fields) {
  Broker broker;
  broker.id = BrokerId{fields.plain().int32()};
  broker.host = fields.string();
  broker.port = fields.plain().int32();
  static_cast<void>(fields.string());  // rack
  fields.end_structure();
  return broker;
}

PartitionMetadata read_partition(Fields& fields) {
  PartitionMetadata partition;
  partition.error_code = ErrorCode{fields.plain().int16()};
  partition.partition = Partition{fields.plain().int32()};
  partition.leader = BrokerId{fields.plain().int32()};
  if (fields.has(7)) {
    partition.leader_epoch = fields.plain().int32();
  }
  fields.skip_replicas();  // all
  fields.skip_replicas();  // in sync
  if (fields.has(5)) {
    fields.skip_replicas();  // offline
  }
  fields.end_structure();
  return partition;
}

TopicMetadata read_topic(Fields& fields) {
  TopicMetadata topic;
  topic.error_code = ErrorCode{fields.plain().int16()};
  topic.name = fields.string();
  if (fields.has(10)) {
    topic.id = fields.plain().bytes(k_topic_id_bytes);
  }
  static_cast<void>(fields.plain().boolean());  // internal
  const std::size_t count = fields.count(k_partition_bytes_min);
  topic.partitions.reserve(count);
  for (std::size_t i = 0; i < count && fields.plain().ok(); ++i) {
    topic.partitions.push_back(read_partition(fields));
  }
  if (fields.has(8)) {
    static_cast<void>(fields.plain().int32());  // authorized operations
  }
  fields.end_structure();
  return topic;
}

}  // namespace

// MetadataRequest.json. A number in brackets is the first version that has the field, [8-10] the only ones.
//
//   array: topic id uuid [10] | topic string | tagged fields [9]
//   | create what is absent bool | authorized operations of the cluster bool [8-10]
//   | authorized operations of topics bool [8] | tagged fields [9]
//
// A topic that is asked for by name has an id of zeros.
void encode_metadata(Buffer& out, std::int16_t version, const MetadataRequest& request) {
  static constexpr std::array<std::byte, k_topic_id_bytes> k_by_name{};
  const bool flexible = is_flexible(ApiKey::metadata, version);
  ByteWriter writer(out);
  if (flexible) {
    writer.compact_array_count(request.topics.size());
  } else {
    writer.array_count(request.topics.size());
  }
  for (const std::string_view topic : request.topics) {
    if (version >= 10) {
      writer.raw(k_by_name);
    }
    if (flexible) {
      writer.compact_string(topic);
      writer.no_tagged_fields();
    } else {
      writer.string(topic);
    }
  }
  writer.boolean(false);  // create what is absent
  if (version >= 8 && version <= 10) {
    writer.boolean(false);  // authorized operations of the cluster
  }
  if (version >= 8) {
    writer.boolean(false);  // authorized operations of topics
  }
  if (flexible) {
    writer.no_tagged_fields();
  }
}

// MetadataResponse.json:
//
//   throttle ms int32
//   | array: node id int32 | host string | port int32 | rack nullable string | tagged fields [9]
//   | cluster id nullable string | controller id int32
//   | array: error code int16 | topic nullable string | topic id uuid [10] | internal bool
//            | array: error code int16 | partition int32 | leader int32 | leader epoch int32 [7]
//                     | replicas int32[] | replicas in sync int32[] | replicas offline int32[] [5]
//                     | tagged fields [9]
//            | authorized operations int32 [8] | tagged fields [9]
//   | authorized operations of the cluster int32 [8-10] | tagged fields [9]
Result<MetadataResponse> decode_metadata(Bytes body, std::int16_t version) {
  Fields fields(body, version);
  ByteReader& reader = fields.plain();
  MetadataResponse response;
  response.throttle_ms = reader.int32();
  const std::size_t broker_count = fields.count(k_broker_bytes_min);
  response.brokers.reserve(broker_count);
  for (std::size_t i = 0; i < broker_count && reader.ok(); ++i) {
    response.brokers.push_back(read_broker(fields));
  }
  static_cast<void>(fields.string());  // cluster id
  static_cast<void>(reader.int32());   // controller
  const std::size_t topic_count = fields.count(k_topic_bytes_min);
  response.topics.reserve(topic_count);
  for (std::size_t i = 0; i < topic_count && reader.ok(); ++i) {
    response.topics.push_back(read_topic(fields));
  }
  if (version >= 8 && version <= 10) {
    static_cast<void>(reader.int32());  // authorized operations of the cluster
  }
  fields.end_structure();
  if (!reader.ok()) {
    return unreadable_response(ApiKey::metadata, version);
  }
  return response;
}

}  // namespace penstock::wire
