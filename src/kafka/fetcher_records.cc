// The half that hands over: from the responses that have arrived to spans of records. fetcher.cc asks for
// them.
//
// How it works
//
// A lane that is loaded holds one response, in the buffer that it was received into. front() walks through
// it, in three steps that each do little:
//
//   enter_partition   the response's next partition: its code, its log's end, and the cursor over its batches
//   read_on           the cursor's next records, as up to 256 views into the buffer; or a hole, or the end
//   front_            what the worker sees: the views that it has not taken
//
// The worked case is "orders 0" at position 40, of a response that holds 40 to 99 in batches of 30, with room
// for 45:
//
//   1. front() enters the partition, and the cursor gives 40 to 69. The worker takes all 30. The position is
//      70.
//   2. front() reads on: 70 to 99. The worker takes 15, and has no room for more. The position is 85.
//   3. The lane is still loaded, so it asks for nothing, for minutes perhaps. The bytes stay where they are.
//   4. There is room again. front() gives 85 to 99, from the same views, and the worker takes them.
//   5. front() finds the end of the partition, and the end of the response. Only now is the lane idle, and
//      the next Fetch is sent at once, while other lanes are handed over.
//
// A response belongs to the positions that it was asked for. A rewind, a hold, a failure and a new leader
// each raise the partition's generation, at any moment between two of these steps. What is left of the
// partition is then skipped (stale()). So a position never has two origins, and nothing is taken twice.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "codec/decompressor.h"
#include "kafka/fetcher.h"
#include "wire/broker_errors.h"
#include "wire/frame.h"

namespace penstock::kafka {
namespace {

// Records of one span: enough to make its fixed cost vanish, few enough for their views to stay in the cache.
constexpr std::size_t k_span_records_max = 256;

constexpr Duration k_pause_after_code = std::chrono::milliseconds(500);
constexpr Duration k_pause_without_right = std::chrono::seconds(30);
constexpr Duration k_pause_before_refetch = std::chrono::milliseconds(100);

}  // namespace

const source::RecordSpan* Fetcher::front() {
  front_lane_ = nullptr;
  if (std::exchange(turn_begins_, false)) {
    ++first_lane_;
    for (const std::unique_ptr<Lane>& lane : lanes_) {
      ask(*lane);
    }
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[(first_lane_ + i) % lanes_.size()];
    if (!lane.io.loaded()) {
      continue;
    }
    if (find_span(lane)) {
      front_lane_ = &lane;
      return &front_;
    }
    ask(lane);  // it has just been emptied
  }
  return nullptr;
}

void Fetcher::taken(std::size_t count) {
  Lane* const lane = std::exchange(front_lane_, nullptr);
  if (lane == nullptr || !lane->current.has_span || stale(readings_[front_.slot.value], *lane)) {
    return;
  }
  CHECK(count <= front_.records.size());
  Reading& partition = readings_[front_.slot.value];
  Position& position = partition.position;
  partition.epochs.read(position, lane->epoch);
  if (count > 0 && !lane->io.by_id()) {
    partition.mark = RecordMark::of(front_.records[count - 1]);
  }
  lane->views_taken += count;
  if (count == front_.records.size()) {
    lane->current.has_span = false;
    position = front_.next;
  } else if (count > 0) {
    position = after(front_.records[count - 1].offset);
  }
}

// Into front_: what is to be taken next of this lane's response. False: nothing is left of it.
bool Fetcher::find_span(Lane& lane) {
  while (lane.io.loaded()) {
    if (lane.current.open && stale(readings_[lane.current.slot.value], lane)) {
      lane.current.open = false;  // it was rewound, held or moved meanwhile
    }
    if (!lane.current.open) {
      enter_partition(lane);
    } else if (lane.current.has_span) {
      front_ = {.slot = lane.current.slot,
                .records = std::span<const RecordView>(lane.views).subspan(lane.views_taken),
                .next = lane.next};
      return true;
    } else {
      read_on(lane);
    }
  }
  return false;
}

bool Fetcher::stale(const Reading& partition, const Lane& lane) const {
  return !partition.wanted() || partition.lane != &lane || partition.generation != partition.asked_generation;
}

// Whose answer it is, by name or by the id that was asked for. None: nobody's.
std::optional<PartitionSlot> Fetcher::slot_of(Lane& lane, const wire::FetchedPartition& fetched) const {
  const bool by_id = fetched.topic_id != wire::k_no_topic_id;
  const auto is_of = [&](PartitionSlot slot) {
    return slot.value < readings_.size() && id(slot).partition == fetched.partition &&
           (by_id ? readings_[slot.value].topic_id == fetched.topic_id : id(slot).topic == fetched.topic);
  };
  if (lane.answers_seen < lane.asked_slots.size()) {
    if (const PartitionSlot expected = lane.asked_slots[lane.answers_seen++]; is_of(expected)) {
      return expected;
    }
  }
  const auto found = std::ranges::find_if(lane.asked_slots, is_of);
  return found == lane.asked_slots.end() ? std::nullopt : std::optional(*found);
}

void Fetcher::enter_partition(Lane& lane) {
  const std::optional<wire::FetchedPartition> fetched = lane.io.next_partition();
  if (!fetched) {
    end_of_response(lane);
    return;
  }
  const std::optional<PartitionSlot> slot = slot_of(lane, *fetched);
  if (!slot || stale(readings_[slot->value], lane)) {
    return;
  }
  Reading& partition = readings_[slot->value];
  if (fetched->error_code != wire::ErrorCode::none) {
    on_partition_code(*slot, fetched->error_code);
    return;
  }
  leaders_.heard_of(*slot);
  go_on(*slot);
  see_bounds(*slot, lane, *fetched);
  if (stale(partition, lane)) {
    return;
  }
  partition.log_end =
      std::max(fetched->last_stable_offset.value >= 0 ? fetched->last_stable_offset : fetched->high_watermark,
               partition.position);
  if (partition.log_end >= fetched->high_watermark) {
    partition.log_end_at = lane.asked_at;  // the broker looked later than that
  }
  if (fetched->records.empty()) {
    // Nothing says little: a response is full at some point, and a broker that throttles sends nothing. Only
    // an end before the mark says that it is gone.
    if (partition.proving && fetched->high_watermark.value <= partition.mark->offset.value) {
      partition.doubted = true;
      without_proof(*slot);
    }
    return;
  }
  const Position asked = partition.proving ? Position{partition.mark->offset.value} : partition.position;
  lane.current = {.slot = *slot,
                  .before = partition.position,
                  .bytes = fetched->records.size(),
                  .open = true,
                  .proving = partition.proving};
  lane.io.cursor().begin(fetched->records, asked, lane.io.aborted(), lane.io.headers());
}

void Fetcher::read_on(Lane& lane) {
  const PartitionSlot slot = lane.current.slot;
  const Result<wire::RecordsCursor::Step> step = lane.io.cursor().next(lane.views, k_span_records_max);
  lane.views_taken = 0;
  if (!step.ok()) {
    lane.current.open = false;
    on_bad_batch(slot, step.error());
    return;
  }
  if (step->kind == wire::RecordsCursor::Step::end) {
    end_of_partition(lane);
    return;
  }
  lane.next = step->next;
  lane.epoch = lane.io.cursor().leader_epoch();
  if (lane.current.proving && !on_proof(lane)) {
    return;
  }
  lane.current.has_span = lane.views_taken < lane.views.size() || step->next > readings_[slot.value].position;
}

void Fetcher::end_of_partition(Lane& lane) {
  const PartitionSlot slot = lane.current.slot;
  Reading& partition = readings_[slot.value];
  lane.current.open = false;
  // The broker cuts what it sends where the limit is: so a full share says that more is there.
  lane.more_waits = lane.more_waits || lane.current.bytes >= bytes_max_of(partition, lane.asked_slots.size());
  if (partition.position > lane.current.before) {
    partition.bytes_needed = 0;
    lane.order.served(id(slot).topic, slot);
    return;
  }
  const std::size_t needed = lane.io.cursor().bytes_needed();
  if (needed > options_.batch_bytes_max) {
    stop_too_large(slot, needed);
  } else if (needed > 0) {
    partition.bytes_needed = needed;
    lane.more_waits = true;
  }
}

void Fetcher::end_of_response(Lane& lane) {
  if (lane.io.readable()) {
    return;
  }
  const Error error = wire::unreadable_response(wire::ApiKey::fetch, 0);
  lane.io.connection().close(error);
  lane.not_before = clock_.now() + k_pause_after_code;
  events_.trouble(error);
}

void Fetcher::on_partition_code(PartitionSlot slot, wire::ErrorCode code) {
  Reading& partition = readings_[slot.value];
  const std::string what = concat(named(id(slot)), ", position ", partition.position.value);
  switch (wire::fetch_outcome(code)) {
    case wire::FetchOutcome::fine:
      return;
    case wire::FetchOutcome::refresh_metadata:
      partition.not_before = clock_.now() + k_pause_before_refetch;
      leaders_.need(clock_.now());
      return;
    case wire::FetchOutcome::out_of_range:
      if (partition.proving) {
        without_proof(slot);
        return;
      }
      partition.waits_for_position = true;
      events_.position_lost(slot, partition.position);
      return;
    case wire::FetchOutcome::stop_partition:
      // Said for a moment after a leader moves. The metadata decide whether the partition is gone.
      if (code == wire::ErrorCode::unknown_topic_or_partition) {
        partition.not_before = clock_.now() + k_pause_after_code;
        leaders_.not_known(slot);
        leaders_.need(clock_.now());
        return;
      }
      if (code == wire::ErrorCode::topic_authorization_failed) {
        partition.not_before = clock_.now() + k_pause_without_right;
        wait(slot, wire::broker_error(code, what));
        return;
      }
      stop(slot, wire::broker_error(code, what));
      return;
    case wire::FetchOutcome::retry_later:
      partition.not_before = clock_.now() + k_pause_after_code;
      events_.trouble(wire::broker_error(code, what));
      return;
    case wire::FetchOutcome::corrupt:
      on_bad_batch(slot, wire::broker_error(code, what));
      return;
  }
}

// Fetched again once, as the bytes may have suffered on their way; then the partition stops. Never skipped.
void Fetcher::on_bad_batch(PartitionSlot slot, Error error) {
  Reading& partition = readings_[slot.value];
  error.message = concat(named(id(slot)), ", position ", partition.position.value, ": ", error.message);
  if (error.kind != ErrorKind::corrupt || partition.refetched == partition.position) {
    stop(slot, std::move(error));
    return;
  }
  partition.refetched = partition.position;
  partition.not_before = clock_.now() + k_pause_before_refetch;
  ++partition.generation;
  error.action = Action::retry;
  error.message += "; fetching it again";
  events_.trouble(std::move(error));
}

// `bytes` 0: how many is not known.
void Fetcher::stop_too_large(PartitionSlot slot, std::size_t bytes) {
  const std::string has = bytes > 0 ? concat("has ", bytes, " bytes,") : std::string("is");
  stop(slot,
       make_error(
           ErrorKind::unsupported, Action::fatal,
           concat(named(id(slot)), ", position ", readings_[slot.value].position.value, ": the next batch ",
                  has, " more than source.max_batch_bytes (", options_.batch_bytes_max, "); ",
                  codec::advice_on_large_batch(options_.batch_bytes_max, bytes), ". Nothing was skipped"),
           "batch too large"));
}

void Fetcher::stop(PartitionSlot slot, Error error) {
  fail(slot);
  error.action = Action::fatal;
  events_.failed(slot, std::move(error));
}

}  // namespace penstock::kafka
