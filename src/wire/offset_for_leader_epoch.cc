#include "wire/offset_for_leader_epoch.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"
#include "wire/topic_rows.h"

namespace penstock::wire {

// OffsetForLeaderEpochRequest.json. A number in brackets is the first version that has the field.
//
//   replica id int32 [3]
//   | array: topic string | array: partition int32 | current leader epoch int32 | leader epoch int32
void encode_offset_for_leader_epoch(Buffer& out, std::int16_t version,
                                    const OffsetForLeaderEpochRequest& request) {
  constexpr std::int32_t k_consumer_replica = -1;
  ByteWriter writer(out);
  if (version >= 3) {
    writer.int32(k_consumer_replica);
  }
  write_topic_runs(writer, request.partitions, [&](const EpochPartition& item) {
    writer.int32(item.partition.value);
    writer.int32(item.current_leader_epoch);
    writer.int32(item.leader_epoch);
  });
}

// OffsetForLeaderEpochResponse.json, versions 2 and 3:
//
//   throttle ms int32
//   | array: topic string
//            | array: error code int16 | partition int32 | leader epoch int32 | end offset int64
Result<OffsetForLeaderEpochResponse> decode_offset_for_leader_epoch(Bytes body, std::int16_t version) {
  constexpr std::size_t k_partition_bytes = 2 + 4 + 4 + 8;
  ByteReader reader(body);
  OffsetForLeaderEpochResponse response;
  response.throttle_ms = reader.int32();
  read_topics(reader, k_partition_bytes, [&](std::string_view topic) {
    EpochEnd end;
    end.topic = topic;
    end.error_code = ErrorCode{reader.int16()};
    end.partition = Partition{reader.int32()};
    end.leader_epoch = reader.int32();
    end.end = Position{reader.int64()};
    response.partitions.push_back(end);
  });
  if (!reader.ok()) {
    return unreadable_response(ApiKey::offset_for_leader_epoch, version);
  }
  return response;
}

}  // namespace penstock::wire
