// A source over another one, which does all that a class behind it does not do in its own way: for a source
// that changes a part of what is read.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "source/source.h"

namespace penstock::source {

class ForwardingSource : public Source {
 public:
  Result<void> start(SourceHandlers handlers) override { return inner_->start(std::move(handlers)); }
  void poll() override { inner_->poll(); }
  const RecordSpan* front() override { return inner_->front(); }
  void taken(std::size_t count) override { inner_->taken(count); }
  void fetch_from(PartitionSlot slot, Position position) override { inner_->fetch_from(slot, position); }
  void read_elsewhere(PartitionSlot slot, Position from) override { inner_->read_elsewhere(slot, from); }
  void hold(PartitionSlot slot) override { inner_->hold(slot); }
  void distrust(PartitionSlot slot, Position position) override { inner_->distrust(slot, position); }
  void read_entries(std::vector<TopicPartition> partitions,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) override {
    inner_->read_entries(std::move(partitions), std::move(done));
  }
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override {
    inner_->commit(commits, std::move(done));
  }
  void release() override { inner_->release(); }
  void close() override { inner_->close(); }
  void partition_states(std::vector<PartitionState>& states) const override {
    inner_->partition_states(states);
  }
  SourceCounters counters() const override { return inner_->counters(); }

 protected:
  explicit ForwardingSource(std::unique_ptr<Source> inner) : inner_(std::move(inner)) {}
  Source& inner() { return *inner_; }
  const Source& inner() const { return *inner_; }

 private:
  const std::unique_ptr<Source> inner_;
};

}  // namespace penstock::source
