#include "pipeline/group_end.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"

namespace penstock::pipeline {
namespace {

constexpr Duration k_between_reads = std::chrono::seconds(1);

}  // namespace

GroupEnd::GroupEnd(std::map<TopicPartition, EndMark> marks) : open_count_(marks.size()) {
  for (const auto& [id, mark] : marks) {
    marks_.emplace(id, Known{.mark = mark, .at = std::nullopt, .began = {}});
  }
}

void GroupEnd::learn(Known& known, Position at) {
  if (known.at != at) {
    known.began = known.at ? known.began : at;
    known.at = at;
    ++news_;
  }
  if (!known.reached && at >= known.mark.mark) {
    known.reached = true;
    --open_count_;
  }
}

void GroupEnd::told(const TopicPartition& id, Position committed) {
  const std::lock_guard lock(mutex_);
  if (const auto known = marks_.find(id); known != marks_.end()) {
    learn(known->second, committed);
  }
}

std::vector<TopicPartition> GroupEnd::to_read(MonoTime now) {
  const std::lock_guard lock(mutex_);
  std::vector<TopicPartition> open;
  if (open_count_ == 0 || (last_read_ && now - *last_read_ < k_between_reads)) {
    return open;
  }
  last_read_ = now;
  for (const auto& [id, known] : marks_) {
    if (!known.reached) {
      open.push_back(id);
    }
  }
  return open;
}

void GroupEnd::read(std::span<const TopicPartition> partitions,
                    std::span<const std::optional<GroupEntry>> entries) {
  CHECK(partitions.size() == entries.size());
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    Known& known = marks_.at(partitions[i]);
    if (entries[i]) {
      learn(known, entries[i]->position);
    } else if (known.mark.log_start >= known.mark.mark) {
      learn(known, known.mark.mark);
    }
  }
}

bool GroupEnd::complete() const {
  const std::lock_guard lock(mutex_);
  return open_count_ == 0;
}

std::vector<GroupEnd::Left> GroupEnd::left() const {
  const std::lock_guard lock(mutex_);
  std::vector<Left> left;
  for (const auto& [id, known] : marks_) {
    if (!known.reached) {
      left.push_back({.id = id, .at = known.at, .mark = known.mark.mark});
    }
  }
  return left;
}

GroupEnd::Progress GroupEnd::progress() const {
  const std::lock_guard lock(mutex_);
  Progress progress;
  for (const auto& [id, known] : marks_) {
    if (known.at && known.began < known.mark.mark) {
      const Position at = std::clamp(*known.at, known.began, known.mark.mark);
      progress.done += static_cast<std::uint64_t>(at.value - known.began.value);
      progress.total += static_cast<std::uint64_t>(known.mark.mark.value - known.began.value);
    }
  }
  return progress;
}

std::uint64_t GroupEnd::news() const {
  const std::lock_guard lock(mutex_);
  return news_;
}

}  // namespace penstock::pipeline
