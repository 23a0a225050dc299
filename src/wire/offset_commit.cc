#include "wire/offset_commit.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"
#include "wire/topic_rows.h"

namespace penstock::wire {

// OffsetCommitRequest.json. A number in brackets is the first version that has the field.
//
//   group string | generation int32 | member id string | instance id nullable string [7]
//   | retention ms int64 [up to 4]
//   | array: topic string
//            | array: partition int32 | offset int64 | leader epoch int32 [6] | metadata nullable string
//
// The coordinator only keeps the leader epoch, for consumers that look for a truncated log (KIP-320).
void encode_offset_commit(Buffer& out, std::int16_t version, const OffsetCommitRequest& request) {
  constexpr std::int64_t k_broker_s_retention = -1;
  ByteWriter writer(out);
  writer.string(request.group);
  writer.int32(request.generation);
  writer.string(request.member_id);
  if (version >= 7) {
    writer.nullable_string(request.instance_id);
  }
  if (version <= 4) {
    writer.int64(k_broker_s_retention);
  }
  write_topic_runs(writer, request.partitions, [&](const OffsetCommitPartition& item) {
    writer.int32(item.partition.value);
    writer.int64(item.position.value);
    if (version >= 6) {
      writer.int32(item.leader_epoch);
    }
    writer.nullable_string(item.metadata);
  });
}

// OffsetCommitResponse.json:
//
//   throttle ms int32 [3] | array: topic string | array: partition int32 | error code int16
Result<OffsetCommitResponse> decode_offset_commit(Bytes body, std::int16_t version) {
  constexpr std::size_t k_partition_bytes = 4 + 2;
  ByteReader reader(body);
  OffsetCommitResponse response;
  if (version >= 3) {
    response.throttle_ms = reader.int32();
  }
  read_topics(reader, k_partition_bytes, [&](std::string_view topic) {
    PartitionCommit commit;
    commit.topic = topic;
    commit.partition = Partition{reader.int32()};
    commit.error_code = ErrorCode{reader.int16()};
    response.partitions.push_back(commit);
  });
  if (!reader.ok()) {
    return unreadable_response(ApiKey::offset_commit, version);
  }
  return response;
}

}  // namespace penstock::wire
