// Record batches made by hand, for tests of what no broker sends: every field can be set, wrong ones too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec/checksum.h"
#include "wire/byte_writer.h"
#include "wire/record_batch.h"

namespace penstock::wire {

inline std::string zig_zag(std::int64_t value) {
  std::uint64_t bits = static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
  std::string out;
  for (; bits >= 0x80; bits >>= 7) {
    out += static_cast<char>(bits | 0x80);
  }
  return out + static_cast<char>(bits);
}

inline std::string field(const std::optional<std::string>& text) {
  return text ? zig_zag(static_cast<std::int64_t>(text->size())) + *text : zig_zag(-1);
}

// A record from its fields; `headers` is all that stands behind the value.
inline std::string record_bytes(std::int64_t offset_delta, const std::optional<std::string>& key,
                                const std::optional<std::string>& value, std::int64_t time_delta = 0,
                                const std::string& headers = zig_zag(0)) {
  const std::string body = std::string(1, '\0') + zig_zag(time_delta) + zig_zag(offset_delta) + field(key) +
                           field(value) + headers;
  return zig_zag(static_cast<std::int64_t>(body.size())) + body;
}

// A control record's key: version 0 and the type.
inline std::string marker_key(MarkerType type) {
  return {'\0', '\0', '\0', static_cast<char>(type)};
}

constexpr std::int16_t k_append_time = 0x08;
constexpr std::int16_t k_transactional = 0x10;
constexpr std::int16_t k_control = 0x20;

struct BatchBuilder {
  std::int64_t base_offset = 0;
  std::int8_t magic = 2;
  std::int16_t attributes = 0;
  std::optional<std::int32_t> last_offset_delta = std::nullopt;  // else the count of records, less one
  std::int64_t base_timestamp = 1000;
  std::int64_t max_timestamp = 9000;
  std::int64_t producer_id = -1;
  std::optional<std::int32_t> records_count = std::nullopt;  // else how many there are
  std::vector<std::string> records = {};
  std::optional<std::string> payload = std::nullopt;  // else the records in a row

  std::string build() const {
    Buffer checked;
    ByteWriter writer(checked);
    const auto count = static_cast<std::int32_t>(records.size());
    writer.int16(attributes);
    writer.int32(last_offset_delta.value_or(count - 1));
    writer.int64(base_timestamp);
    writer.int64(max_timestamp);
    writer.int64(producer_id);
    writer.int16(0);
    writer.int32(0);
    writer.int32(records_count.value_or(count));
    std::string plain;
    for (const std::string& record : records) {
      plain += record;
    }
    writer.raw(as_bytes(payload.value_or(plain)));
    Buffer out;
    ByteWriter whole(out);
    whole.int64(base_offset);
    whole.int32(static_cast<std::int32_t>(checked.size() + 9));
    whole.int32(0);
    whole.int8(magic);
    whole.int32(static_cast<std::int32_t>(codec::crc32c(checked)));
    whole.raw(checked);
    return std::string(as_text(out));
  }
};

// The first batch's checksum made right again, if all of it is there.
inline void fix_checksum(std::string& batch) {
  const auto bytes = batch_bytes(as_bytes(batch));
  if (!bytes.ok() || *bytes > batch.size() || batch.size() < k_batch_header_bytes) {
    return;
  }
  const std::uint32_t crc = codec::crc32c(as_bytes(batch).subspan(21, *bytes - 21));
  for (std::size_t i = 0; i < 4; ++i) {
    batch[17 + i] = static_cast<char>(crc >> (24 - 8 * i));
  }
}

}  // namespace penstock::wire
