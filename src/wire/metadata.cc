#include "wire/metadata.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::wire {
namespace {

// The least that an item of each array takes, in any version.
constexpr std::size_t k_broker_bytes_min = 4 + 2 + 4 + 2;
constexpr std::size_t k_topic_bytes_min = 2 + 2 + 1 + 4;
constexpr std::size_t k_partition_bytes_min = 2 + 4 + 4 + 4 + 4;
constexpr std::size_t k_replica_bytes = 4;

void skip_replicas(ByteReader& reader) {
  reader.skip(reader.array_count(k_replica_bytes) * k_replica_bytes);
}

Broker read_broker(ByteReader& reader) {
  Broker broker;
  broker.id = BrokerId{reader.int32()};
  broker.host = reader.string();
  broker.port = reader.int32();
  static_cast<void>(reader.nullable_string());  // rack
  return broker;
}

PartitionMetadata read_partition(ByteReader& reader, std::int16_t version) {
  PartitionMetadata partition;
  partition.error_code = ErrorCode{reader.int16()};
  partition.partition = Partition{reader.int32()};
  partition.leader = BrokerId{reader.int32()};
  if (version >= 7) {
    partition.leader_epoch = reader.int32();
  }
  skip_replicas(reader);  // all
  skip_replicas(reader);  // in sync
  if (version >= 5) {
    skip_replicas(reader);  // offline
  }
  return partition;
}

TopicMetadata read_topic(ByteReader& reader, std::int16_t version) {
  TopicMetadata topic;
  topic.error_code = ErrorCode{reader.int16()};
  topic.name = reader.string();
  static_cast<void>(reader.boolean());  // internal
  const std::size_t count = reader.array_count(k_partition_bytes_min);
  topic.partitions.reserve(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    topic.partitions.push_back(read_partition(reader, version));
  }
  return topic;
}

}  // namespace

// MetadataRequest.json, versions 4 to 7:  array: topic string | create what is absent bool
void encode_metadata(Buffer& out, std::int16_t /*version*/, const MetadataRequest& request) {
  ByteWriter writer(out);
  writer.array_count(request.topics.size());
  for (const std::string_view topic : request.topics) {
    writer.string(topic);
  }
  writer.boolean(false);  // create what is absent
}

// MetadataResponse.json. A number in brackets is the first version that has the field.
//
//   throttle ms int32
//   | array: node id int32 | host string | port int32 | rack nullable string
//   | cluster id nullable string | controller id int32
//   | array: error code int16 | topic string | internal bool
//            | array: error code int16 | partition int32 | leader int32 | leader epoch int32 [7]
//                     | replicas int32[] | replicas in sync int32[] | replicas offline int32[] [5]
Result<MetadataResponse> decode_metadata(Bytes body, std::int16_t version) {
  ByteReader reader(body);
  MetadataResponse response;
  response.throttle_ms = reader.int32();
  const std::size_t broker_count = reader.array_count(k_broker_bytes_min);
  response.brokers.reserve(broker_count);
  for (std::size_t i = 0; i < broker_count && reader.ok(); ++i) {
    response.brokers.push_back(read_broker(reader));
  }
  static_cast<void>(reader.nullable_string());  // cluster id
  static_cast<void>(reader.int32());            // controller
  const std::size_t topic_count = reader.array_count(k_topic_bytes_min);
  response.topics.reserve(topic_count);
  for (std::size_t i = 0; i < topic_count && reader.ok(); ++i) {
    response.topics.push_back(read_topic(reader, version));
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::metadata, version);
  }
  return response;
}

}  // namespace penstock::wire
