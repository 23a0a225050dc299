#include "wire/offset_fetch.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"
#include "wire/topic_rows.h"

namespace penstock::wire {

// OffsetFetchRequest.json, versions 1 to 5:  group string | array: topic string | array: partition int32
void encode_offset_fetch(Buffer& out, std::int16_t /*version*/, const OffsetFetchRequest& request) {
  ByteWriter writer(out);
  writer.string(request.group);
  write_topic_runs(writer, request.partitions,
                   [&](const OffsetFetchPartition& item) { writer.int32(item.partition.value); });
}

// OffsetFetchResponse.json. A number in brackets is the first version that has the field.
//
//   throttle ms int32 [3]
//   | array: topic string
//            | array: partition int32 | offset int64 | leader epoch int32 [5] | metadata nullable string
//                     | error code int16
//   | error code int16 [2]
Result<OffsetFetchResponse> decode_offset_fetch(Bytes body, std::int16_t version) {
  constexpr std::size_t k_partition_bytes_min = 4 + 8 + 2 + 2;
  ByteReader reader(body);
  OffsetFetchResponse response;
  if (version >= 3) {
    response.throttle_ms = reader.int32();
  }
  read_topics(reader, k_partition_bytes_min, [&](std::string_view topic) {
    CommittedOffset committed;
    committed.topic = topic;
    committed.partition = Partition{reader.int32()};
    committed.position = Position{reader.int64()};
    if (version >= 5) {
      committed.leader_epoch = reader.int32();
    }
    committed.metadata = reader.string();
    committed.error_code = ErrorCode{reader.int16()};
    response.partitions.push_back(committed);
  });
  if (version >= 2) {
    response.error_code = ErrorCode{reader.int16()};
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::offset_fetch, version);
  }
  return response;
}

}  // namespace penstock::wire
