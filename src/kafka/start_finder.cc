#include "kafka/start_finder.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "base/clock.h"
#include "wire/list_offsets.h"

namespace penstock::kafka {
namespace {

// While a leader is not known this asks nobody. A leader that answers with an error is asked again as often.
constexpr Duration k_pause_between_asks = std::chrono::milliseconds(250);

}  // namespace

StartFinder::StartFinder(io::Loop& loop, OffsetLookup& lookup, Events events)
    : loop_(loop), lookup_(lookup), events_(std::move(events)) {}

void StartFinder::find(const std::vector<PartitionSlot>& slots, std::int64_t timestamp_ms) {
  for (const PartitionSlot slot : slots) {
    wanted_.push_back({.slot = slot, .timestamp_ms = timestamp_ms});
  }
  ask();
}

void StartFinder::cancel() {
  token_.renew();
  wanted_.clear();
  loop_.cancel_timer(std::exchange(timer_, io::TimerId::none));
}

void StartFinder::forget(PartitionSlot slot) {
  std::erase_if(wanted_, [slot](const Wanted& wanted) { return wanted.slot == slot; });
}

// For all that is not being asked for.
void StartFinder::ask() {
  std::map<std::int64_t, std::vector<PartitionSlot>> by_time;
  for (Wanted& wanted : wanted_) {
    if (!std::exchange(wanted.asked, true)) {
      by_time[wanted.timestamp_ms].push_back(wanted.slot);
    }
  }
  for (const auto& [timestamp_ms, slots] : by_time) {
    lookup_.ask(slots, timestamp_ms,
                [this, token = token_.watch()](PartitionSlot slot, const OffsetAnswer& answer) {
                  if (!token.gone()) {
                    on_answer(slot, answer);
                  }
                });
  }
}

void StartFinder::on_answer(PartitionSlot slot, const OffsetAnswer& answer) {
  const auto wanted = std::ranges::find_if(wanted_, [slot](const Wanted& each) { return each.slot == slot; });
  if (wanted == wanted_.end()) {
    return;
  }
  if (answer.kind == OffsetAnswer::Kind::position) {
    wanted_.erase(wanted);
    events_.found(slot, answer.position);
    return;
  }
  wanted->asked = false;
  if (answer.kind == OffsetAnswer::Kind::no_record) {
    wanted->timestamp_ms = wire::k_timestamp_end;
  }
  if (timer_ == io::TimerId::none) {
    const Duration pause =
        answer.kind == OffsetAnswer::Kind::no_record ? Duration::zero() : k_pause_between_asks;
    timer_ = loop_.start_timer(pause, [this] {
      timer_ = io::TimerId::none;
      ask();
    });
  }
  if (answer.error) {
    events_.not_yet(slot, answer);
  }
}

}  // namespace penstock::kafka
