#include "pipeline/empty_windows.h"

#include <algorithm>
#include <utility>

#include "format/blob_metadata.h"
#include "format/record_format.h"

namespace penstock::pipeline {

struct EmptyWindows::File {
  std::string name;
  std::vector<std::byte> bytes;
  Bytes body;
  Metadata metadata;
  MonoTime not_before;
  MonoTime until;  // then it is given up
  std::uint32_t attempt = 0;
};

EmptyWindows::EmptyWindows(Options options, lake::BlobStore& store, Batcher& batcher, const Clock& clock,
                           obs::WorkerMetrics& metrics)
    : options_(std::move(options)), store_(store), batcher_(batcher), clock_(clock), metrics_(metrics) {}

void EmptyWindows::begin_epoch(std::span<const TopicPlan* const> plans) {
  end_epoch();
  for (std::uint32_t slot = 0; slot < plans.size(); ++slot) {
    if (plans[slot]->empty_files) {
      windows_.push_back({.slot = PartitionSlot{slot}, .plan = plans[slot]});
    }
  }
}

bool EmptyWindows::due() const {
  return next_end_ && clock_.now() >= *next_end_;
}

// Batches that come later only put an end off. So nothing is due before the earliest of these ends.
void EmptyWindows::end_windows(std::span<const PartitionSlot> read_up) {
  const MonoTime now = clock_.now();
  next_end_ = MonoTime::max();
  for (Window& window : windows_) {
    window.begins = std::max(window.begins, batcher_.quiet_since(window.slot).value_or(now));
    if (now - window.begins >= window.plan->max_age) {
      if (std::ranges::find(read_up, window.slot) != read_up.end()) {
        waiting_.push_back(file_of(window));
      }
      window.begins = now;
    }
    next_end_ = std::min(*next_end_, window.begins + window.plan->max_age);
  }
}

void EmptyWindows::put() {
  if (windows_.empty()) {
    return;
  }
  if (!next_end_) {
    begin_windows();
  }
  const MonoTime now = clock_.now();
  metrics_.empty_files_given_up.add(
      std::erase_if(waiting_, [now](const FilePtr& file) { return now >= file->until; }));
  if (options_.limit != nullptr && now < options_.limit->pause_until()) {
    return;
  }
  // Half of the places at most: the other half is for records.
  const std::uint32_t places = options_.limit == nullptr ? 1 : options_.limit->places(options_.worker);
  for (auto next = waiting_.begin(); next != waiting_.end() && under_way_ < std::max(places / 2, 1U);) {
    if (now < (*next)->not_before) {
      ++next;
      continue;
    }
    const FilePtr file = std::move(*next);
    next = waiting_.erase(next);
    send(file);
  }
}

void EmptyWindows::forget() {
  alive_.renew();
  waiting_.clear();
  under_way_ = 0;
  next_end_.reset();
}

void EmptyWindows::end_epoch() {
  forget();
  windows_.clear();
}

void EmptyWindows::begin_windows() {
  next_end_ = clock_.now();
  for (Window& window : windows_) {
    window.begins = clock_.now();
  }
}

EmptyWindows::FilePtr EmptyWindows::file_of(const Window& window) {
  auto file = std::make_shared<File>();
  file->name = batcher_.name_of_empty_file(window.slot);
  file->bytes = format::empty_file(window.plan->format, window.plan->shredded.get());
  file->body = file->bytes;
  file->metadata = format::to_metadata(format::empty_file_of(options_.group, window.plan->topic, file->body));
  file->not_before = clock_.now();
  file->until = clock_.now() + window.plan->max_age;
  return file;
}

void EmptyWindows::send(const FilePtr& file) {
  ++file->attempt;
  ++under_way_;
  metrics_.put_attempts.add();
  store_.put_blob(file->name, lake::Body(&file->body, 1), file->metadata,
                  [this, file, alive = alive_.watch()](const Result<void>& result) {
                    if (!alive.gone()) {
                      --under_way_;
                      answered(file, result);
                    }
                  });
}

// A name is used once. So at a repeat, what "exists" is the file of a try whose answer was lost.
void EmptyWindows::answered(const FilePtr& file, const Result<void>& result) {
  const bool exists = !result.ok() && result.error().kind == ErrorKind::already_exists;
  if (result.ok() || (exists && file->attempt > 1)) {
    metrics_.empty_files.add();
    return;
  }
  const Error& error = result.error();
  metrics_.store_errors.count(obs::code_of(error));
  if (error.kind == ErrorKind::throttled && options_.throttled) {
    options_.throttled(error);
  }
  if (exists) {
    metrics_.empty_files_given_up.add();
    return;
  }
  metrics_.retries[obs::retry_reason(error.kind)].add();
  file->not_before = clock_.now() + retry_delay(options_.retry, file->attempt, error, options_.random());
  waiting_.push_back(file);
}

}  // namespace penstock::pipeline
