#include "pipeline/request_limit.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::pipeline {
namespace {

constexpr Duration k_growth_interval = std::chrono::seconds(1);
constexpr std::uint32_t k_growth_parts = 16;

MonoTime time_of(MonoTime::rep ticks) {
  return MonoTime(MonoTime::duration(ticks));
}

MonoTime::rep ticks_of(MonoTime time) {
  return time.time_since_epoch().count();
}

Duration part_of(Duration whole, std::uint64_t random) {
  return Duration(static_cast<Duration::rep>(
      random % static_cast<std::uint64_t>(std::max<Duration::rep>(whole.count(), 1))));
}

}  // namespace

RequestLimit::RequestLimit(const Options& options)
    : options_(options), whole_(options.workers * options.connections), limit_(whole_) {
  CHECK(options.workers > 0U);
  CHECK(options.connections > 0U);
}

std::uint32_t RequestLimit::places(std::uint32_t worker) const {
  const std::uint32_t limit = limit_.load(std::memory_order_relaxed);
  const std::uint32_t share =
      limit / options_.workers + (worker % options_.workers < limit % options_.workers ? 1 : 0);
  return std::clamp(share, 1U, options_.connections);
}

std::uint32_t RequestLimit::places_together() const {
  return limit_.load(std::memory_order_relaxed);
}

MonoTime RequestLimit::pause_until() const {
  return time_of(pause_until_.load(std::memory_order_relaxed));
}

void RequestLimit::lengthen_pause(MonoTime until) {
  MonoTime::rep known = pause_until_.load(std::memory_order_relaxed);
  while (known < ticks_of(until) &&
         !pause_until_.compare_exchange_weak(known, ticks_of(until), std::memory_order_relaxed)) {
  }
}

void RequestLimit::throttled(MonoTime began, MonoTime now, std::optional<std::chrono::milliseconds> asked,
                             std::uint64_t random) {
  if (asked) {
    lengthen_pause(now + *asked + part_of(Duration(*asked) / 8, random));
  }
  MonoTime::rep cut_at = cut_at_.load(std::memory_order_relaxed);
  if (ticks_of(began) <= cut_at ||
      !cut_at_.compare_exchange_strong(cut_at, ticks_of(now), std::memory_order_relaxed)) {
    return;  // it was under way when another one was told the same
  }
  grown_at_.store(ticks_of(now), std::memory_order_relaxed);
  limit_.store(std::max(limit_.load(std::memory_order_relaxed) / 2, options_.workers),
               std::memory_order_relaxed);
  const std::uint32_t row = cuts_in_a_row_.fetch_add(1, std::memory_order_relaxed);
  constexpr std::uint32_t k_doublings_max = 20;  // more than any pause_longest is of a pause_first
  const Duration grown = options_.pause_first * (std::int64_t{1} << std::min(row, k_doublings_max));
  const Duration pause = std::min(grown, options_.pause_longest);
  lengthen_pause(now + pause / 2 + part_of(pause / 2, random));
}

void RequestLimit::answered(MonoTime began, MonoTime now) {
  if (ticks_of(began) <= cut_at_.load(std::memory_order_relaxed)) {
    return;  // it says nothing about the limit as it is now
  }
  cuts_in_a_row_.store(0, std::memory_order_relaxed);
  const std::uint32_t limit = limit_.load(std::memory_order_relaxed);
  MonoTime::rep grown_at = grown_at_.load(std::memory_order_relaxed);
  if (limit == whole_ || now - time_of(grown_at) < k_growth_interval ||
      !grown_at_.compare_exchange_strong(grown_at, ticks_of(now), std::memory_order_relaxed)) {
    return;
  }
  const std::int64_t steps = (now - time_of(grown_at)) / k_growth_interval;
  const std::uint64_t more = static_cast<std::uint64_t>(steps) * std::max(limit / k_growth_parts, 1U);
  limit_.store(static_cast<std::uint32_t>(std::min<std::uint64_t>(limit + more, whole_)),
               std::memory_order_relaxed);
}

}  // namespace penstock::pipeline
