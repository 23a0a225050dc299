// A broker and a consumer of it, in memory: logs, a group's committed positions, and a script that runs at
// every poll. It is as strict with its caller as kafka::DirectSource, whose CHECKs are failures of the test.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/group_entry.h"
#include "io/loop.h"
#include "source/source.h"

namespace penstock::pipeline {

// Outlives the sources: what a broker keeps.
struct FakeCluster {
  struct Record {
    Offset offset;
    std::string value;  // empty: a tombstone
  };
  struct Log {
    std::vector<Record> records;
    Position end{0};
  };

  void append(const TopicPartition& id, std::string value) {
    Log& log = logs[id];
    log.records.push_back({Offset{log.end.value}, std::move(value)});
    ++log.end.value;
  }
  void append_hole(const TopicPartition& id, std::int64_t offsets) { logs[id].end.value += offsets; }
  Position committed_of(const TopicPartition& id) const {
    const auto found = committed.find(id);
    return found == committed.end() ? Position{0} : found->second;
  }

  std::map<TopicPartition, Log> logs;
  std::optional<GroupEntry> entry_of(const TopicPartition& id) const {
    const auto found = committed.find(id);
    if (!tells_entries || found == committed.end()) {
      return std::nullopt;
    }
    const auto text = metadata.find(id);
    return GroupEntry{found->second, text == metadata.end() ? std::string() : text->second};
  }

  std::map<TopicPartition, Position> committed;
  std::map<TopicPartition, std::string> metadata;
  bool tells_entries = false;                       // as exactly-once needs it
  std::string topic_id;                             // of all topics
  std::int64_t record_time_ms = 1'700'000'000'000;  // of every record that is handed over
};

class FakeSource final : public source::Source {
 public:
  using Hook = std::function<void(FakeSource&)>;

  // `at_poll` runs first thing in every poll(). `at_commit` sees every commit that the broker accepts.
  FakeSource(io::Loop& loop, FakeCluster& cluster, Hook at_poll,
             std::function<void(const TopicPartition&, Position)> at_commit)
      : loop_(loop), cluster_(cluster), at_poll_(std::move(at_poll)), at_commit_(std::move(at_commit)) {}

  // The script's calls; only from `at_poll`.
  void assign(const std::vector<TopicPartition>& partitions) {
    EXPECT_FALSE(held_);
    std::vector<source::Assigned> assigned;
    slots_.clear();
    for (const TopicPartition& id : partitions) {
      slots_.push_back({.id = id, .position = cluster_.committed_of(id)});
      assigned.push_back({.id = id,
                          .start = slots_.back().position,
                          .entry = cluster_.entry_of(id),
                          .topic_id = cluster_.topic_id});
    }
    held_ = true;
    ending_ = false;
    handlers_.assigned(assigned);
  }
  void revoke(source::RevokeReason reason) {
    EXPECT_TRUE(held_ && !ending_);
    ending_ = true;
    lost_ = reason == source::RevokeReason::lost;
    handlers_.revoked(reason);
  }
  void fail(Error error) { handlers_.failed(std::move(error)); }
  void fail_partition(std::uint32_t slot, Error error) {
    slots_.at(slot).held = true;
    slots_.at(slot).failed = true;
    handlers_.partition_failed(PartitionSlot{slot}, std::move(error));
  }
  void wait_for_partition(std::uint32_t slot, Error error) {
    handlers_.partition_waits(PartitionSlot{slot}, std::move(error));
  }
  void go_on_with_partition(std::uint32_t slot) { handlers_.partition_goes_on(PartitionSlot{slot}); }
  bool held() const { return held_; }
  bool at_end() const {
    return std::all_of(slots_.begin(), slots_.end(),
                       [this](const Slot& slot) { return slot.position == cluster_.logs[slot.id].end; });
  }

  std::deque<Error> commit_errors;  // of the next commits, in order
  std::size_t refusals = 0;         // so many of the next commits are refused, and the member stays
  // By partition, of the next commits that name it, in order. The others of such a commit are done.
  std::map<TopicPartition, std::deque<CommitOutcome>> outcomes;
  bool next_commit_loses_membership = false;  // all of it is refused, with that reason
  bool unknown_takes_effect = false;  // the commits of `commit_errors`, and the outcomes that are unknown
  bool hold_commits = false;          // their answers wait
  std::size_t polls = 0;
  std::size_t commits = 0;

  Result<void> start(source::SourceHandlers handlers) override {
    EXPECT_FALSE(started_);
    started_ = true;
    handlers_ = std::move(handlers);
    return {};
  }

  void poll() override {
    EXPECT_TRUE(started_ && !closed_);
    ++polls;
    at_poll_(*this);
  }

  const source::RecordSpan* front() override {
    given_ = false;
    if (!held_ || ending_) {
      return nullptr;
    }
    const auto count = static_cast<std::uint32_t>(slots_.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      if (fill_front(PartitionSlot{(first_ + i) % count})) {
        given_ = true;
        return &front_;
      }
    }
    return nullptr;
  }

  void taken(std::size_t count) override {
    ASSERT_LE(count, front_.records.size());
    if (!given_) {  // its partition was sent elsewhere, or held
      return;
    }
    Position& position = slots_.at(front_.slot.value).position;
    if (count == front_.records.size()) {
      position = front_.next;
      first_ = front_.slot.value + 1;
    } else if (count > 0) {
      position = after(front_.records[count - 1].offset);
    }
  }

  void read_elsewhere(PartitionSlot slot, Position /*from*/) override {
    EXPECT_LT(slot.value, slots_.size());
  }

  void fetch_from(PartitionSlot slot, Position position) override {
    if (Slot* const held = slot_to_move(slot); held != nullptr && !held->failed) {
      held->held = false;
      held->position = position;
    }
  }
  void hold(PartitionSlot slot) override {
    if (Slot* const held = slot_to_move(slot)) {
      held->held = true;
      ++holds;
    }
  }
  int holds = 0;
  void distrust(PartitionSlot slot, Position /*position*/) override {
    if (Slot* const held = slot_to_move(slot)) {
      held->held = true;
      distrusted.push_back(slot);
    }
  }
  std::vector<PartitionSlot> distrusted;
  void read_entries(std::vector<TopicPartition> partitions,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) override {
    EXPECT_TRUE(started_ && !closed_);
    std::vector<std::optional<GroupEntry>> entries;
    for (const TopicPartition& id : partitions) {
      entries.push_back(cluster_.tells_entries ? cluster_.entry_of(id)
                                               : GroupEntry{cluster_.committed_of(id), {}});
    }
    loop_.defer([done = std::move(done), entries = std::move(entries)] { done(entries); });
  }

  void commit(std::span<const CommitItem> commits_asked, std::function<void(CommitReply)> done) override {
    EXPECT_TRUE(held_) << "a commit after release()";
    EXPECT_FALSE(lost_) << "a commit after membership was lost";
    EXPECT_FALSE(committing_) << "one commit at a time";
    EXPECT_FALSE(commits_asked.empty());
    ++commits;
    committing_ = true;
    CommitReply answer = fate_of(commits_asked);
    for (std::size_t i = 0; i < commits_asked.size(); ++i) {
      const CommitOutcome outcome = answer.items[i].outcome;
      ASSERT_LT(commits_asked[i].slot.value, slots_.size());
      if (outcome == CommitOutcome::done || (outcome == CommitOutcome::unknown && unknown_takes_effect)) {
        take_effect(commits_asked[i]);
      }
    }
    answer_ = [this, done = std::move(done), answer] {
      committing_ = false;
      done(answer);
    };
    answer_commit();
  }

  void release() override {
    EXPECT_TRUE(ending_) << "released without having been asked to";
    held_ = false;
    ending_ = false;
    lost_ = false;
    slots_.clear();
  }
  void close() override { closed_ = true; }

  void answer_commit() {
    if (hold_commits || !answer_) {
      return;
    }
    loop_.defer([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired() && !closed_ && answer_) {
        std::exchange(answer_, nullptr)();
      }
    });
  }

  void partition_states(std::vector<source::PartitionState>& states) const override {
    states.clear();
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      const Position end = cluster_.logs[slots_[i].id].end;
      const auto mark = end_marks.find(slots_[i].id);
      states.push_back({.slot = PartitionSlot{i},
                        .position = slots_[i].position,
                        .log_end = end,
                        .at_end_mark = mark != end_marks.end() && slots_[i].position >= mark->second});
    }
  }
  source::SourceCounters counters() const override { return told; }
  source::SourceCounters told;

  std::map<TopicPartition, Position> end_marks;

 private:
  struct Slot {
    TopicPartition id;
    Position position;
    bool held = true;
    bool failed = false;
  };

  // From `assigned` until release(). None: the assignment ends, and nothing happens.
  Slot* slot_to_move(PartitionSlot slot) {
    EXPECT_TRUE(held_);
    EXPECT_LT(slot.value, slots_.size());
    if (!held_ || ending_ || slot.value >= slots_.size()) {
      return nullptr;
    }
    given_ = given_ && front_.slot != slot;
    return &slots_[slot.value];
  }

  CommitReply fate_of(std::span<const CommitItem> asked) {
    const Error refused = make_error(ErrorKind::canceled, Action::give_up, "refused");
    if (next_commit_loses_membership) {
      next_commit_loses_membership = false;
      CommitReply answer = CommitReply::alike(asked.size(), CommitOutcome::refused, refused);
      answer.membership_lost = true;
      return answer;
    }
    if (refusals > 0) {
      --refusals;
      return CommitReply::alike(asked.size(), CommitOutcome::refused, refused);
    }
    if (!commit_errors.empty()) {
      const Error error = commit_errors.front();
      commit_errors.pop_front();
      return CommitReply::alike(asked.size(), CommitOutcome::unknown, error);
    }
    CommitReply answer = CommitReply::alike(asked.size(), CommitOutcome::done);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      std::deque<CommitOutcome>& next = outcomes[slots_.at(asked[i].slot.value).id];
      if (!next.empty()) {
        answer.items[i] = {next.front(),
                           make_error(ErrorKind::forbidden, Action::give_up, "not this partition")};
        next.pop_front();
      }
    }
    return answer;
  }

  void take_effect(const CommitItem& each) {
    const TopicPartition& id = slots_.at(each.slot.value).id;
    if (cluster_.tells_entries) {
      EXPECT_GE(each.position, cluster_.committed_of(id)) << "a commit that goes back";
    } else {
      EXPECT_GT(each.position, cluster_.committed_of(id)) << "a commit that says nothing, or goes back";
    }
    EXPECT_LE(each.position, cluster_.logs[id].end);
    at_commit_(id, each.position);
    cluster_.committed[id] = each.position;
    cluster_.metadata[id] = each.metadata;
  }

  // False: there is nothing to take of the partition.
  bool fill_front(PartitionSlot index) {
    const Slot& slot = slots_[index.value];
    const FakeCluster::Log& log = cluster_.logs[slot.id];
    if (slot.held || slot.position == log.end) {
      return false;
    }
    views_.clear();
    front_ = {.slot = index, .records = {}, .next = log.end};
    for (const FakeCluster::Record& record : log.records) {
      if (record.offset.value < slot.position.value) {
        continue;
      }
      if (views_.size() == 100) {
        front_.next = after(views_.back().offset);
        break;
      }
      views_.push_back({.offset = record.offset,
                        .timestamp_ms = cluster_.record_time_ms,
                        .key = {},
                        .value = as_bytes(record.value),
                        .headers = {},
                        .null_key = true,
                        .null_value = record.value.empty()});
    }
    front_.records = views_;
    return true;
  }

  io::Loop& loop_;
  FakeCluster& cluster_;
  Hook at_poll_;
  std::function<void(const TopicPartition&, Position)> at_commit_;
  source::SourceHandlers handlers_;
  std::vector<Slot> slots_;
  std::vector<RecordView> views_;  // of front_
  source::RecordSpan front_;
  std::uint32_t first_ = 0;  // whose turn it is
  bool given_ = false;       // front_ is what front() would give
  bool started_ = false;
  bool held_ = false;
  bool ending_ = false;
  bool lost_ = false;
  bool committing_ = false;
  bool closed_ = false;
  std::function<void()> answer_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace penstock::pipeline
