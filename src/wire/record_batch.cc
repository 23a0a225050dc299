#include "wire/record_batch.h"

#include <limits>

#include "base/check.h"
#include "base/concat.h"
#include "codec/checksum.h"
#include "wire/byte_reader.h"

namespace penstock::wire {
namespace {

// Places in the header that record_batch.h draws. The length counts from where it ends.
constexpr std::size_t k_length_ends_at = 12;
constexpr std::size_t k_magic_ends_at = 17;
constexpr std::size_t k_checked_from = 21;
constexpr std::int8_t k_magic = 2;

// The attributes.
constexpr unsigned k_codec_bits = 0x07;
constexpr unsigned k_append_time_bit = 0x08;
constexpr unsigned k_transactional_bit = 0x10;
constexpr unsigned k_control_bit = 0x20;

Error damaged(std::int64_t base_offset, std::string_view what) {
  Error error = bad_batch(base_offset, what);
  error.action = Action::retry;
  return error;
}

Error unsupported(std::int64_t base_offset, std::string_view what) {
  Error error = bad_batch(base_offset, what);
  error.kind = ErrorKind::unsupported;
  return error;
}

Error old_magic(std::int64_t base_offset, int magic) {
  return unsupported(base_offset, concat("has the message format of Kafka before 0.11 (magic ", magic,
                                         "), which the direct fetch does not read; set source.fetch: "
                                         "librdkafka and guarantee: at_least_once"));
}

}  // namespace

Error bad_batch(std::int64_t base_offset, std::string_view what) {
  return {.kind = ErrorKind::corrupt,
          .action = Action::give_up,
          .message = concat("the record batch at offset ", base_offset, " ", what),
          .code = {},
          .retry_after = {}};
}

Result<std::size_t> batch_bytes(Bytes bytes) {
  if (bytes.size() < k_length_ends_at) {
    return k_batch_header_bytes;
  }
  ByteReader reader(bytes);
  const std::int64_t base_offset = reader.int64();
  const std::int32_t length = reader.int32();
  if (bytes.size() >= k_magic_ends_at) {
    // The leader epoch, where the older formats have a checksum.
    reader.skip(4);
    const std::int8_t magic = reader.int8();
    if (magic == 0 || magic == 1) {
      return old_magic(base_offset, magic);
    }
    if (magic != k_magic) {
      return damaged(base_offset, concat("says magic ", int{magic}, ", where 2 is the latest"));
    }
  }
  if (length < static_cast<std::int32_t>(k_batch_header_bytes - k_length_ends_at)) {
    return damaged(base_offset, concat("says it is ", length, " bytes long, less than its header"));
  }
  return k_length_ends_at + static_cast<std::size_t>(length);
}

Result<RecordBatch> parse_batch(Bytes bytes) {
  CHECK(bytes.size() >= k_batch_header_bytes);
  ByteReader reader(bytes.first(k_batch_header_bytes));
  RecordBatch batch;
  batch.base_offset = reader.int64();
  reader.skip(4);  // length
  batch.leader_epoch = reader.int32();
  reader.skip(1);  // magic
  if (reader.uint32() != codec::crc32c(bytes.subspan(k_checked_from))) {
    return damaged(batch.base_offset, "does not match its checksum (CRC-32C)");
  }
  const auto attributes = static_cast<std::uint16_t>(reader.int16());
  const std::int32_t last_offset_delta = reader.int32();
  batch.base_timestamp = reader.int64();
  batch.max_timestamp = reader.int64();
  batch.producer_id = reader.int64();
  reader.skip(2 + 4);  // producer epoch, base sequence
  batch.records_count = reader.int32();
  batch.records = bytes.subspan(k_batch_header_bytes);
  // The broker writes the base offset, so the checksum does not cover it, and it may be anything.
  if (batch.base_offset < 0 || last_offset_delta < 0 ||
      batch.base_offset > std::numeric_limits<std::int64_t>::max() - 1 - last_offset_delta) {
    return damaged(batch.base_offset, concat("has impossible offsets: last delta ", last_offset_delta));
  }
  batch.last_offset = batch.base_offset + last_offset_delta;
  batch.append_time = (attributes & k_append_time_bit) != 0;
  batch.transactional = (attributes & k_transactional_bit) != 0;
  batch.control = (attributes & k_control_bit) != 0;
  if (batch.records_count < 0) {
    return bad_batch(batch.base_offset, concat("counts ", batch.records_count, " records"));
  }
  const unsigned codec = attributes & k_codec_bits;
  if (codec > static_cast<unsigned>(BatchCodec::zstd)) {
    return unsupported(batch.base_offset,
                       concat("is compressed by a codec that is not known here (", codec, ")"));
  }
  batch.codec = static_cast<BatchCodec>(codec);
  return batch;
}

}  // namespace penstock::wire
