// The half that hands over: from the responses that have arrived to spans of records. fetcher.cc asks for them.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "kafka/fetcher.h"
#include "wire/broker_errors.h"
#include "wire/frame.h"

namespace penstock::kafka {
namespace {

// Records of one span: enough to make its fixed cost vanish, few enough for their views to stay in the cache.
constexpr std::size_t k_span_records_max = 256;

constexpr Duration k_pause_after_code = std::chrono::milliseconds(500);
constexpr Duration k_pause_before_refetch = std::chrono::milliseconds(100);

}  // namespace

// Until there is no room, or no more, or enough. Returns whether the lane still has something.
bool Fetcher::hand_over(FetchLane& lane, std::size_t records_max, std::size_t& count) {
  while (lane.loaded() && count < records_max) {
    if (lane.current.open && stale(slots_[lane.current.slot.value], lane)) {
      lane.current.open = false;  // it was rewound, held or moved meanwhile
    }
    if (!lane.current.open) {
      enter_partition(lane);
    } else if (lane.views_taken == lane.views.size()) {
      read_on(lane);
    } else if (!offer(lane, count)) {
      return true;
    }
  }
  return lane.loaded();
}

bool Fetcher::stale(const Slot& slot, const FetchLane& lane) const {
  return !slot.wanted() || slot.lane != &lane || slot.generation != slot.asked_generation;
}

std::optional<PartitionSlot> Fetcher::slot_of(FetchLane& lane, const wire::FetchedPartition& fetched) const {
  if (lane.answers_seen < lane.asked_slots.size()) {
    const PartitionSlot expected = lane.asked_slots[lane.answers_seen++];
    if (expected.value < slots_.size() && slots_[expected.value].id.partition == fetched.partition &&
        slots_[expected.value].id.topic == fetched.topic) {
      return expected;
    }
  }
  const auto found = by_name_.find({fetched.topic, fetched.partition.value});
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

void Fetcher::enter_partition(FetchLane& lane) {
  const std::optional<wire::FetchedPartition> fetched = lane.next_partition();
  if (!fetched) {
    end_of_response(lane);
    return;
  }
  const std::optional<PartitionSlot> index = slot_of(lane, *fetched);
  if (!index || stale(slots_[index->value], lane)) {
    return;
  }
  Slot& slot = slots_[index->value];
  if (fetched->error_code != wire::ErrorCode::none) {
    on_partition_code(*index, fetched->error_code);
    return;
  }
  slot.unknown_answers = 0;
  slot.log_end =
      std::max(fetched->last_stable_offset.value >= 0 ? fetched->last_stable_offset : fetched->high_watermark,
               slot.position);
  if (fetched->records.empty()) {
    return;
  }
  lane.current = {.slot = *index, .before = slot.position, .bytes = fetched->records.size(), .open = true};
  lane.cursor().begin(fetched->records, slot.position, lane.aborted(), lane.headers());
}

void Fetcher::read_on(FetchLane& lane) {
  const PartitionSlot index = lane.current.slot;
  const Result<wire::RecordsCursor::Step> step = lane.cursor().next(lane.views, k_span_records_max);
  lane.views_taken = 0;
  if (!step.ok()) {
    lane.current.open = false;
    on_bad_batch(index, step.error());
    return;
  }
  if (step->kind == wire::RecordsCursor::Step::end) {
    end_of_partition(lane);
    return;
  }
  lane.views_next = step->next;
  if (lane.views.empty() && step->next > slots_[index.value].position) {  // a hole
    slots_[index.value].position = step->next;
    events_.records({.slot = index, .records = {}, .next = step->next});
  }
}

// False: there was no room for all.
bool Fetcher::offer(FetchLane& lane, std::size_t& count) {
  const PartitionSlot index = lane.current.slot;
  const std::span<const RecordView> run = std::span(lane.views).subspan(lane.views_taken);
  const std::uint64_t epoch = epoch_;
  const std::size_t taken = events_.records({.slot = index, .records = run, .next = lane.views_next});
  CHECK(taken <= run.size());
  count += taken;
  if (epoch != epoch_ || stale(slots_[index.value], lane)) {
    return true;  // who takes records may rewind, hold or end
  }
  lane.views_taken += taken;
  if (taken == run.size()) {
    slots_[index.value].position = lane.views_next;
    return true;
  }
  if (taken > 0) {
    slots_[index.value].position = after(run[taken - 1].offset);
  }
  return false;
}

void Fetcher::end_of_partition(FetchLane& lane) {
  const PartitionSlot index = lane.current.slot;
  Slot& slot = slots_[index.value];
  lane.current.open = false;
  // The broker cuts what it sends where the limit is: so a full share says that more is there.
  lane.more_waits = lane.more_waits || lane.current.bytes >= bytes_max_of(slot, lane.asked_slots.size());
  if (slot.position > lane.current.before) {
    slot.bytes_needed = 0;
    lane.order.served(slot.id.topic, index);
    return;
  }
  const std::size_t needed = lane.cursor().bytes_needed();
  if (needed > options_.batch_bytes_max) {
    stop_too_large(index, needed);
  } else if (needed > 0) {
    slot.bytes_needed = needed;
    lane.more_waits = true;
  }
}

void Fetcher::end_of_response(FetchLane& lane) {
  if (lane.readable()) {
    return;
  }
  const Error error = wire::unreadable_response(wire::ApiKey::fetch, 0);
  lane.connection().close(error);
  lane.not_before = clock_.now() + k_pause_after_code;
  events_.trouble(error);
}

void Fetcher::on_partition_code(PartitionSlot index, wire::ErrorCode code) {
  Slot& slot = slots_[index.value];
  const std::string what = concat(named(slot.id), ", position ", slot.position.value);
  switch (wire::fetch_outcome(code)) {
    case wire::FetchOutcome::fine:
      return;
    case wire::FetchOutcome::refresh_metadata:
      slot.not_before = clock_.now() + k_pause_before_refetch;
      need_leaders(clock_.now());
      return;
    case wire::FetchOutcome::out_of_range:
      slot.waits_for_position = true;
      events_.position_lost(index, slot.position);
      return;
    case wire::FetchOutcome::stop_partition:
      // Said for a moment after a leader moves: the metadata decide.
      if (code == wire::ErrorCode::unknown_topic_or_partition) {
        slot.not_before = clock_.now() + k_pause_after_code;
        need_leaders(clock_.now());
        return;
      }
      stop(index, wire::broker_error(code, what));
      return;
    case wire::FetchOutcome::retry_later:
      slot.not_before = clock_.now() + k_pause_after_code;
      events_.trouble(wire::broker_error(code, what));
      return;
    case wire::FetchOutcome::corrupt:
      on_bad_batch(index, wire::broker_error(code, what));
      return;
  }
}

// Fetched again once, as the bytes may have suffered on their way; then the partition stops. Never skipped.
void Fetcher::on_bad_batch(PartitionSlot index, Error error) {
  Slot& slot = slots_[index.value];
  error.message = concat(named(slot.id), ", position ", slot.position.value, ": ", error.message);
  if (error.kind != ErrorKind::corrupt || slot.refetched == slot.position) {
    stop(index, std::move(error));
    return;
  }
  slot.refetched = slot.position;
  slot.not_before = clock_.now() + k_pause_before_refetch;
  ++slot.generation;
  error.action = Action::retry;
  error.message += "; fetching it again";
  events_.trouble(std::move(error));
}

// `bytes` 0: how many is not known.
void Fetcher::stop_too_large(PartitionSlot index, std::size_t bytes) {
  const Slot& slot = slots_[index.value];
  const std::string has = bytes > 0 ? concat("has ", bytes, " bytes,") : std::string("is");
  stop(index, make_error(ErrorKind::unsupported, Action::fatal,
                         concat(named(slot.id), ", position ", slot.position.value, ": the next batch ", has,
                                " more than source.max_batch_bytes (", options_.batch_bytes_max,
                                "): raise it. Nothing was skipped"),
                         "batch too large"));
}

void Fetcher::stop(PartitionSlot index, Error error) {
  fail(index);
  error.action = Action::fatal;
  events_.failed(index, std::move(error));
}

}  // namespace penstock::kafka
