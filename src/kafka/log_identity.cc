#include "kafka/log_identity.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace penstock::kafka {
namespace {

// Of each field so many bytes count, beside its length: two records that differ only behind them, at the same
// offset and of the same millisecond, are not expected.
constexpr std::size_t k_hashed_bytes_max = 4096;

std::uint64_t hash_of(Bytes bytes) {
  const std::string_view head = as_text(bytes.first(std::min(bytes.size(), k_hashed_bytes_max)));
  return std::hash<std::string_view>{}(head)*31 + bytes.size();
}

}  // namespace

RecordMark RecordMark::of(const RecordView& record) {
  return {.offset = record.offset,
          .timestamp_ms = record.timestamp_ms,
          .hash = hash_of(record.key) * 31 + hash_of(record.value)};
}

Verdict judge(const LogEvidence& evidence) {
  // An election does not take an epoch back, and an end that is told lower for seconds is lost: whether the
  // log was cut or made anew, records that were not read may be missing.
  if (evidence.epoch_went_back || evidence.now.end < evidence.end_seen) {
    return Verdict::anew;
  }
  // A start alone may be a follower's that lags behind with deletions. A log that was unknown as well, and
  // has records again that had been deleted, is another.
  if (evidence.was_unknown) {
    return evidence.now.start < evidence.start_seen ? Verdict::anew : Verdict::unproven;
  }
  return Verdict::same;
}

}  // namespace penstock::kafka
