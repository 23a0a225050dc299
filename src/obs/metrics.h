// Counters, gauges and histograms that one thread writes and others read, without locks.
//
// Whoever owns a number declares it as a member, where it counts; obs/exposition.h gathers them by name for
// /metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::obs {

// Only grows. One writer, any reader: a relaxed load and store, not a locked add.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  // For a total that is kept elsewhere and never shrinks.
  void set_total(std::uint64_t total) { value_.store(total, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down. One writer, any reader.
class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Seconds in fixed buckets, from a millisecond to ten minutes. One writer, any reader.
class Histogram {
 public:
  static constexpr std::array<double, 16> k_upper_bounds_s{0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1,
                                                           2.5,   5,     10,   30,   60,  120,  300, 600};

  // Counts one observation, in the first bucket whose bound is not below it.
  void observe(double seconds);

  std::uint64_t count() const { return count_.value(); }
  double sum_seconds() const { return static_cast<double>(sum_ns_.value()) / 1e9; }

  // Of one bucket alone, not cumulative. Bucket 16 is that of everything above the last bound.
  std::uint64_t bucket_count(std::size_t bucket) const { return buckets_[bucket].value(); }

 private:
  std::array<Counter, k_upper_bounds_s.size() + 1> buckets_;
  Counter count_;
  Counter sum_ns_;
};

}  // namespace penstock::obs
