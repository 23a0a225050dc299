// A record batch as Kafka sends it (magic 2, since Kafka 0.11): its header, and its records as they lie
// there, compressed or not. The `records` field of a Fetch response is such batches in a row, the last one
// perhaps cut.
//
//   offset  0  base offset              int64      offset 27  base timestamp   int64
//           8  bytes behind this field  int32             35  max timestamp    int64
//          12  leader epoch             int32             43  producer id      int64
//          16  magic                    int8              51  producer epoch   int16
//          17  CRC-32C of all from 21   uint32            53  base sequence    int32
//          21  attributes               int16             57  records count    int32
//          23  last offset delta        int32             61  records
//
// (KIP-98, and "Record Batch" on Kafka's page about its message format.) Pure; nothing from outside is
// believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock::wire {

constexpr std::size_t k_batch_header_bytes = 61;

// As the lowest three bits of the attributes have it.
enum class BatchCodec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

struct RecordBatch {
  std::int64_t base_offset = 0;
  // That of the batch as it was produced. Compaction may have taken the record itself away.
  std::int64_t last_offset = 0;
  // What the records' time deltas are added to.
  std::int64_t base_timestamp = 0;
  // With append_time, the time of the append.
  std::int64_t max_timestamp = 0;
  // -1: neither idempotent nor transactional.
  std::int64_t producer_id = -1;
  std::int32_t leader_epoch = -1;
  // Not negative. 0 where compaction left only the offsets.
  std::int32_t records_count = 0;
  BatchCodec codec = BatchCodec::none;
  // The records' times are the broker's: max_timestamp for all.
  bool append_time = false;
  bool transactional = false;
  // One marker of a transaction's end, no data.
  bool control = false;
  // What is behind the header, compressed by `codec`. Lies in the bytes that were parsed.
  Bytes records;
};

// What a transaction's end is: the type in the key of a control record. Other types do not concern a
// consumer.
enum class MarkerType : std::int16_t { abort = 0, commit = 1 };

// How many bytes the batch at the front of `bytes` takes, whether they are all there or not;
// k_batch_header_bytes where `bytes` are too few to tell. Errors: corrupt (an impossible length); unsupported
// (an older magic).
Result<std::size_t> batch_bytes(Bytes bytes);

// `bytes`: one whole batch, as long as batch_bytes() said (CHECK). The checksum is verified. Errors: corrupt,
// with Action::retry where the bytes may have suffered on their way, with give_up behind a good checksum;
// unsupported (an unknown codec).
Result<RecordBatch> parse_batch(Bytes bytes);

// For all that reads batches: corrupt, "the record batch at offset 5 <what>". Behind a verified checksum
// nothing gets better by fetching again, so the action is give_up.
Error bad_batch(std::int64_t base_offset, std::string_view what);

}  // namespace penstock::wire
