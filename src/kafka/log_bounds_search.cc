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
  lookup_.ask({slot}, wire::k_timestamp_start,
              unless_canceled(std::move(search), [this](const Search& its, const OffsetAnswer& starts) {
                on_start(its, starts);
              }));
}

void LogBoundsSearch::on_start(Search search, const OffsetAnswer& starts) {
  if (!told(starts)) {
    try_again(std::move(search));
    return;
  }
  search.log_start = *starts.positions.front();
  const PartitionSlot slot = search.slot;
  lookup_.ask({slot}, wire::k_timestamp_end,
              unless_canceled(std::move(search),
                              [this](const Search& its, const OffsetAnswer& ends) { on_end(its, ends); }));
}

void LogBoundsSearch::on_end(Search search, const OffsetAnswer& ends) {
  if (!told(ends)) {
    try_again(std::move(search));
    return;
  }
  const Position log_end = *ends.positions.front();
  if (search.wanted > log_end && search.tries_left > 1) {
    --search.tries_left;
    try_again(std::move(search));
    return;
  }
  search.done({.start = search.log_start, .end = log_end});
}

void LogBoundsSearch::try_again(Search search) {
  loop_.start_timer(k_search_pause,
                    unless_canceled(std::move(search), [this](const Search& its) { ask_start(its); }));
}

bool LogBoundsSearch::told(const OffsetAnswer& answer) const {
  if (answer.error) {
    trouble_(*answer.error);
    return false;
  }
  return answer.positions.front().has_value();
}

}  // namespace penstock::kafka
