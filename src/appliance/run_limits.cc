#include "appliance/run_limits.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/concat.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_between_drain_lines = std::chrono::seconds(5);
// By then it is read how far the others are.
constexpr Duration k_before_waiting_line = std::chrono::seconds(3);
constexpr Duration k_between_waiting_lines = std::chrono::seconds(30);
constexpr std::size_t k_partitions_named = 4;

std::string megabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

}  // namespace

void DrainLimit::begin(MonoTime now) {
  if (!begun_) {
    begun_ = now;
    next_line_ = now + k_between_drain_lines;
  }
}

Due DrainLimit::look(MonoTime now) {
  if (!begun_) {
    return Due::nothing;
  }
  if (now - *begun_ >= limit_) {
    return Due::give_up;
  }
  if (now < next_line_) {
    return Due::nothing;
  }
  next_line_ = now + k_between_drain_lines;
  return Due::line;
}

std::int64_t DrainLimit::seconds_left(MonoTime now) const {
  const Duration left = begun_ ? std::max(limit_ - (now - *begun_), Duration::zero()) : limit_;
  return std::chrono::ceil<std::chrono::seconds>(left).count();
}

Due BoundedRunLimit::look(MonoTime now, std::uint64_t progress, bool waits_for_others) {
  if (progress != progress_) {
    progress_ = progress;
    moved_at_ = now;
  }
  if (now - moved_at_ >= patience_) {
    return Due::give_up;
  }
  if (!waits_for_others) {
    next_line_.reset();
    return Due::nothing;
  }
  if (!next_line_) {
    next_line_ = now + k_before_waiting_line;
  }
  if (now < *next_line_) {
    return Due::nothing;
  }
  next_line_ = now + k_between_waiting_lines;
  return Due::line;
}

std::string what_is_left(const Unpublished& left) {
  if (left.batches == 0) {
    return "everything is published, and the last positions may not be committed yet";
  }
  return concat(left.batches, left.batches == 1 ? " batch is" : " batches are",
                " not published; Kafka has the records, and ", megabytes(left.staged_bytes),
                " of them are on the stage");
}

std::string what_is_left(std::span<const pipeline::GroupEnd::Left> left, std::size_t marks) {
  std::string text = concat(left.size(), " of ", marks, marks == 1 ? " partition" : " partitions",
                            left.size() == 1 ? " is not at its end mark: " : " are not at their end marks: ");
  for (std::size_t i = 0; i < std::min(left.size(), k_partitions_named); ++i) {
    text += concat(i == 0 ? "" : ", ", named(left[i].id), " (",
                   left[i].at ? concat("at ", left[i].at->value) : std::string("nothing committed"), " of ",
                   left[i].mark.value, ")");
  }
  if (left.size() > k_partitions_named) {
    text += concat(", and ", left.size() - k_partitions_named, " more");
  }
  return text;
}

}  // namespace penstock::appliance
