#include "kafka/log_bounds_search.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "wire/list_offsets.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_search_pause = std::chrono::seconds(1);
constexpr int k_tries_beyond_end = 3;

}  // namespace

LogBoundsSearch::LogBoundsSearch(io::Loop& loop, OffsetLookup& lookup, std::function<void(Error)> trouble)
    : loop_(loop), lookup_(lookup), trouble_(std::move(trouble)) {}

void LogBoundsSearch::find(PartitionSlot slot, Position wanted, Done done) {
  ask_start({.slot = slot, .wanted = wanted, .tries_left = k_tries_beyond_end, .done = std::move(done)});
}

void LogBoundsSearch::ask_start(Search search) {
  const PartitionSlot slot = search.slot;
  lookup_.ask(
      {slot}, wire::k_timestamp_start,
      unless_canceled(std::move(search), [this](const Search& its, PartitionSlot /*slot*/,
                                                const OffsetAnswer& start) { on_start(its, start); }));
}

void LogBoundsSearch::on_start(Search search, const OffsetAnswer& start) {
  if (!told(start)) {
    try_again(std::move(search));
    return;
  }
  search.log_start = start.position;
  ask_end(std::move(search));
}

void LogBoundsSearch::ask_end(Search search) {
  const PartitionSlot slot = search.slot;
  lookup_.ask({slot}, wire::k_timestamp_end,
              unless_canceled(std::move(search), [this](const Search& its, PartitionSlot /*slot*/,
                                                        const OffsetAnswer& end) { on_end(its, end); }));
}

// The start is not asked for again when the end was not told: each answer may take all of the time for which
// a broker keeps a connection.
void LogBoundsSearch::on_end(Search search, const OffsetAnswer& end) {
  if (!told(end)) {
    loop_.start_timer(k_search_pause,
                      unless_canceled(std::move(search), [this](const Search& its) { ask_end(its); }));
    return;
  }
  if (search.wanted > end.position && search.tries_left > 1) {
    --search.tries_left;
    try_again(std::move(search));
    return;
  }
  search.done({.start = search.log_start, .end = end.position});
}

void LogBoundsSearch::try_again(Search search) {
  loop_.start_timer(k_search_pause,
                    unless_canceled(std::move(search), [this](const Search& its) { ask_start(its); }));
}

bool LogBoundsSearch::told(const OffsetAnswer& answer) const {
  if (answer.kind == OffsetAnswer::Kind::failed) {  // a leader that stays away is told by who looks for it
    trouble_(*answer.error);
  }
  return answer.kind == OffsetAnswer::Kind::position;
}

}  // namespace penstock::kafka
