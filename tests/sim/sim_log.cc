#include "sim/sim_log.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "unit/wire/batch_builder.h"

namespace penstock::sim {
namespace {

// Behind the base offset and the length. The checksum does not cover it.
constexpr std::size_t k_leader_epoch_at = 12;

std::string with_epoch(std::string batch, std::int32_t epoch) {
  for (std::size_t i = 0; i < 4; ++i) {
    batch[k_leader_epoch_at + i] = static_cast<char>(static_cast<std::uint32_t>(epoch) >> (24 - 8 * i));
  }
  return batch;
}

}  // namespace

void append_batch(Log& log, const std::vector<LogRecord>& records, Position next, Transaction transaction) {
  const std::int64_t base = records.front().offset.value;
  const std::int64_t first_ms = records.front().timestamp_ms;
  const std::int64_t last_ms = records.back().timestamp_ms;
  wire::BatchBuilder batch{.base_offset = base,
                           .last_offset_delta = static_cast<std::int32_t>(next.value - 1 - base),
                           .base_timestamp = first_ms,
                           .max_timestamp = last_ms};
  if (transaction.producer_id >= 0) {
    batch.attributes = wire::k_transactional;
    batch.producer_id = transaction.producer_id;
  }
  for (const LogRecord& record : records) {
    const auto value = record.value.empty() ? std::nullopt : std::optional(record.value);
    batch.records.push_back(
        wire::record_bytes(record.offset.value - base, std::nullopt, value, record.timestamp_ms - first_ms));
  }
  log.batches.push_back({.first = Position{base},
                         .next = next,
                         .bytes = with_epoch(batch.build(), log.epoch),
                         .max_timestamp_ms = last_ms});
  log.end = next;
}

void append_emptied_batch(Log& log, std::int64_t offsets) {
  const wire::BatchBuilder batch{.base_offset = log.end.value,
                                 .last_offset_delta = static_cast<std::int32_t>(offsets - 1)};
  const Position next{log.end.value + offsets};
  log.batches.push_back({.first = log.end, .next = next, .bytes = with_epoch(batch.build(), log.epoch)});
  log.end = next;
}

void append_marker(Log& log, Transaction transaction, Ending ending, std::int64_t timestamp_ms) {
  wire::BatchBuilder batch{.base_offset = log.end.value,
                           .attributes = wire::k_transactional | wire::k_control,
                           .base_timestamp = timestamp_ms,
                           .max_timestamp = timestamp_ms,
                           .producer_id = transaction.producer_id};
  const auto type = ending == Ending::commit ? wire::MarkerType::commit : wire::MarkerType::abort;
  batch.records.push_back(wire::record_bytes(0, wire::marker_key(type), std::string(6, '\0')));
  const Position next{log.end.value + 1};
  log.batches.push_back({.first = log.end,
                         .next = next,
                         .bytes = with_epoch(batch.build(), log.epoch),
                         .max_timestamp_ms = timestamp_ms});
  log.end = next;
}

}  // namespace penstock::sim
