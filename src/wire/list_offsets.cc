#include "wire/list_offsets.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"
#include "wire/topic_rows.h"

namespace penstock::wire {

// ListOffsetsRequest.json. A number in brackets is the first version that has the field.
//
//   replica id int32 | isolation level int8 [2]
//   | array: topic string | array: partition int32 | leader epoch int32 [4] | timestamp int64
void encode_list_offsets(Buffer& out, std::int16_t version, const ListOffsetsRequest& request) {
  constexpr std::int32_t k_consumer_replica = -1;
  constexpr std::int8_t k_read_committed = 1;
  ByteWriter writer(out);
  writer.int32(k_consumer_replica);
  if (version >= 2) {
    writer.int8(k_read_committed);
  }
  write_topic_runs(writer, request.partitions, [&](const ListOffsetsPartition& item) {
    writer.int32(item.partition.value);
    if (version >= 4) {
      writer.int32(item.leader_epoch);
    }
    writer.int64(item.timestamp_ms);
  });
}

// ListOffsetsResponse.json:
//
//   throttle ms int32 [2]
//   | array: topic string
//            | array: partition int32 | error code int16 | timestamp int64 | offset int64
//                     | leader epoch int32 [4]
Result<ListOffsetsResponse> decode_list_offsets(Bytes body, std::int16_t version) {
  constexpr std::size_t k_partition_bytes_min = 4 + 2 + 8 + 8;
  ByteReader reader(body);
  ListOffsetsResponse response;
  if (version >= 2) {
    response.throttle_ms = reader.int32();
  }
  read_topics(reader, k_partition_bytes_min, [&](std::string_view topic) {
    ListedOffset listed;
    listed.topic = topic;
    listed.partition = Partition{reader.int32()};
    listed.error_code = ErrorCode{reader.int16()};
    listed.timestamp_ms = reader.int64();
    listed.position = Position{reader.int64()};
    if (version >= 4) {
      listed.leader_epoch = reader.int32();
    }
    response.partitions.push_back(listed);
  });
  if (!reader.ok()) {
    return unreadable_response(ApiKey::list_offsets, version);
  }
  return response;
}

}  // namespace penstock::wire
