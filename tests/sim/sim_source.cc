// How it works
//
// Requests go to the broker by the agenda of the world, and answers come back as mail of the process. So a
// frozen process sends no heartbeat and hears no answer. The pipeline hears of the group in poll() only.
// A rebalance goes like this:
//
//   1. A heartbeat is answered with `rebalance`. The next poll() says `revoked`, and the state is `ending`.
//   2. The pipeline drains, with commits that carry the stamp of the old assignment, and calls release().
//   3. The next poll() joins again. The answer brings a new stamp, and the entries are read (`resolving`).
//   4. Once they are there, the next poll() says `assigned`, and the state is `held`.
//
// A commit has two answers under way: the broker's, and `unknown` after commit_timeout. The first one counts.
// A late commit is answered with `unknown`, and up to fence_wait after it was sent the broker may take it.
//
// Records are not copied. What a fetch brings only moves fetched_end, and front() shows the broker's log.
#include "sim/sim_source.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration k_pause = seconds(1);

Error passing(std::string message) {
  return {.kind = ErrorKind::unavailable,
          .action = Action::retry,
          .message = std::move(message),
          .code = {},
          .retry_after = {}};
}

CommitReply unanswered(CommitOutcome outcome, std::string message) {
  return {.outcome = outcome, .membership_lost = false, .error = passing(std::move(message))};
}

}  // namespace

SimSource::SimSource(const SimClock& clock, Agenda& agenda, Broker& broker, const Faults& faults,
                     ProcessPtr process, SourceOptions options, Random random, Verdict& verdict)
    : clock_(clock),
      agenda_(agenda),
      broker_(broker),
      faults_(faults),
      process_(std::move(process)),
      options_(std::move(options)),
      random_(random),
      verdict_(verdict) {
  member_.instance_id = options_.instance_id;
}

Result<void> SimSource::start(source::SourceHandlers handlers) {
  handlers_ = std::move(handlers);
  return {};
}

Duration SimSource::latency() {
  return random_.chance(faults_[&FaultRates::group_slow])
             ? random_.between(Duration(milliseconds(50)), options_.fence_wait / 4)
             : random_.between(Duration(std::chrono::microseconds(200)), Duration(milliseconds(10)));
}

void SimSource::in_this_epoch(MonoTime due, std::function<void()> task) {
  process_->post(due, [this, alive = std::weak_ptr(alive_), epoch = epoch_, task = std::move(task)] {
    if (!alive.expired() && epoch == epoch_) {
      task();
    }
  });
}

void SimSource::poll() {
  CHECK(!closed_);
  offered_ = false;  // the broker may have moved its records meanwhile
  if (fenced_) {
    fenced_ = false;
    Error error = passing("another member has this group.instance.id");
    error.action = Action::fatal;
    handlers_.failed(std::move(error));
    return;
  }
  serve_group();
}

// The group

void SimSource::serve_group() {
  if (std::exchange(lost_, false)) {
    membership_ = Membership::out;
    member_.member_id.clear();
    member_.generation = -1;
    rebalance_asked_ = false;
    end_assignment(source::RevokeReason::lost);
  }
  if (std::exchange(rebalance_asked_, false)) {
    end_assignment(source::RevokeReason::rebalance);
  }
  if (membership_ == Membership::out && state_ == State::none && clock_.now() >= join_not_before_) {
    send_join();
  }
  if (resolved_) {
    state_ = State::held;
    slots_.clear();
    for (const source::Assigned& each : assigned_) {
      slots_.push_back(Slot{.id = each.id, .position = each.start, .fetched_end = each.start});
    }
    resolved_.reset();
    handlers_.assigned(assigned_);
  }
}

void SimSource::end_assignment(source::RevokeReason reason) {
  if (state_ == State::held) {
    state_ = State::ending;
    offered_ = false;
    told_lost_ = reason == source::RevokeReason::lost;
    handlers_.revoked(reason);
  } else if (state_ != State::ending) {  // the pipeline never had it
    ++epoch_;
    resolved_.reset();
    state_ = State::none;
    membership_ = Membership::out;
  }
}

void SimSource::release() {
  CHECK(state_ == State::ending);
  ++epoch_;
  state_ = State::none;
  told_lost_ = false;
  slots_.clear();
  membership_ = Membership::out;  // joins again, with the member id that it still has
  rebalance_asked_ = false;
}

void SimSource::send_join() {
  membership_ = Membership::joining;
  heartbeat_in_flight_ = false;
  const std::uint64_t call = joins_->add([this](const JoinReply& reply) { on_joined(reply); });
  if (process_->killed) {
    return;
  }
  agenda_.at(
      clock_.now() + random_.between(milliseconds(1), milliseconds(20)),
      [this_broker = &broker_, &clock = clock_, stamp = member_, call, process = std::weak_ptr(process_),
       joins = std::weak_ptr(joins_), back = random_.between(milliseconds(1), milliseconds(100))] {
        this_broker->join(stamp, [&clock, call, process, joins, back](const JoinReply& answer) {
          reply<JoinReply>(process, joins, call, clock.now() + back, answer);
        });
      });
}

void SimSource::on_joined(const JoinReply& reply) {
  if (membership_ != Membership::joining) {
    return;
  }
  if (reply.error != GroupError::none) {
    membership_ = Membership::out;
    join_not_before_ = clock_.now() + milliseconds(100);
    fenced_ = reply.error == GroupError::fenced_instance;
    member_.member_id.clear();
    return;
  }
  membership_ = Membership::member;
  member_.generation = reply.generation;
  member_.member_id = reply.member_id;
  stamp_ = member_;
  given_ = reply.partitions;
  ++epoch_;
  state_ = State::resolving;
  if (!beating_) {
    beating_ = true;
    beat();
  }
  resolve();
}

// As from a thread of the library: whatever the worker does, but not while its process is frozen.
void SimSource::beat() {
  process_->post(clock_.now() + options_.heartbeat, [this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) {
      return;
    }
    if (membership_ == Membership::member && !heartbeat_in_flight_) {
      send_heartbeat();
    }
    beat();
  });
}

void SimSource::send_heartbeat() {
  heartbeat_in_flight_ = true;
  const std::uint64_t call = heartbeats_->add([this, stamp = member_](GroupError error) {
    heartbeat_in_flight_ = false;
    if (stamp.member_id == member_.member_id && stamp.generation == member_.generation &&
        membership_ == Membership::member) {
      on_group_error(error);
    }
  });
  if (process_->killed) {
    return;
  }
  agenda_.at(clock_.now() + latency(), [this_broker = &broker_, &clock = clock_, stamp = member_, call,
                                        process = std::weak_ptr(process_),
                                        heartbeats = std::weak_ptr(heartbeats_), back = latency()] {
    reply<GroupError>(process, heartbeats, call, clock.now() + back, this_broker->heartbeat(stamp));
  });
}

void SimSource::on_group_error(GroupError error) {
  switch (error) {
    case GroupError::none:
      return;
    case GroupError::rebalance:
      rebalance_asked_ = true;
      return;
    case GroupError::fenced_instance:
      fenced_ = true;
      lost_ = true;
      return;
    case GroupError::unknown_member:
    case GroupError::illegal_generation:
      lost_ = true;
      return;
  }
}

void SimSource::resolve() {
  ask_entries(given_, [this](Result<Entries> entries) { on_resolved(std::move(entries)); });
}

void SimSource::on_resolved(Result<Entries> entries) {
  if (!entries.ok()) {
    in_this_epoch(clock_.now() + k_pause, [this] { resolve(); });
    return;
  }
  assigned_.clear();
  for (std::size_t i = 0; i < given_.size(); ++i) {
    const std::optional<GroupEntry>& entry = (*entries)[i];
    const Position start = options_.start_latest ? broker_.logs.at(given_[i]).end : Position{0};
    assigned_.push_back({.id = given_[i], .start = entry ? entry->position : start, .entry = entry});
  }
  resolved_ = std::move(entries).value();
}

// Entries and commits

void SimSource::ask_entries(std::vector<TopicPartition> partitions,
                            std::function<void(Result<Entries>)> done) {
  const std::uint64_t call =
      entry_calls_->add([this, epoch = epoch_, done = std::move(done)](Result<Entries> entries) {
        if (epoch == epoch_) {
          done(std::move(entries));
        }
      });
  if (process_->killed) {
    return;
  }
  const bool fails = random_.chance(faults_[&FaultRates::entry_unread]);
  agenda_.at(
      clock_.now() + latency(),
      [&broker = broker_, &clock = clock_, &faults = faults_, partitions = std::move(partitions), call, fails,
       process = std::weak_ptr(process_), calls = std::weak_ptr(entry_calls_), back = latency()] {
        Result<Entries> answer = passing("the coordinator did not answer");
        if (!fails && !faults.group_is_out) {
          Entries entries;
          for (const TopicPartition& id : partitions) {
            entries.push_back(broker.read(id));
          }
          answer = std::move(entries);
        }
        reply<Result<Entries>>(process, calls, call, clock.now() + back, std::move(answer));
      });
}

void SimSource::read_entries(std::span<const PartitionSlot> slots,
                             std::function<void(Result<Entries>)> done) {
  if (state_ != State::held && state_ != State::ending) {
    verdict_.fail(process_->name, " reads entries without an assignment");
    return;
  }
  std::vector<TopicPartition> partitions;
  for (const PartitionSlot slot : slots) {
    partitions.push_back(slots_.at(slot.value).id);
  }
  ask_entries(std::move(partitions), std::move(done));
}

void SimSource::commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) {
  if (state_ != State::held && state_ != State::ending) {
    verdict_.fail(process_->name, " commits without an assignment");
    return;
  }
  if (told_lost_) {
    verdict_.fail(process_->name, " commits after its membership was lost");
  }
  if (committing_) {
    verdict_.fail(process_->name, " commits before the former commit was answered");
  }
  std::vector<EntryToCommit> entries;
  for (const CommitItem& each : commits) {
    if (each.slot.value >= slots_.size()) {
      verdict_.fail(process_->name, " commits a partition that it has not");
      return;
    }
    entries.push_back({.id = slots_.at(each.slot.value).id, .entry = {each.position, each.metadata}});
  }
  committing_ = true;
  const std::uint64_t call =
      commit_calls_->add([this, epoch = epoch_, done = std::move(done)](const CommitReply& answer) {
        committing_ = false;
        told_lost_ = told_lost_ || (epoch == epoch_ && answer.membership_lost && options_.silent_once_lost);
        done(answer);
      });
  if (process_->killed) {
    return;
  }
  for (const EntryToCommit& each : entries) {
    verdict_.note(process_->name, " commits ", each.id.topic, ":", each.id.partition.value, " at ",
                  each.entry.position.value, " '", each.entry.metadata, "'");
  }
  answer_later(call, clock_.now() + options_.commit_timeout,
               unanswered(CommitOutcome::unknown, "no answer from the coordinator"));
  if (options_.mutant == Mutant::commits_stamped_when_sent) {
    transmit_as_a_library(entries, call, clock_.now() + options_.commit_timeout);
  } else {
    transmit(stamp_, entries, call);
  }
}

void SimSource::answer_later(std::uint64_t call, MonoTime due, const CommitReply& answer) {
  reply<CommitReply>(process_, commit_calls_, call, due, answer);
}

void SimSource::transmit(const Stamp& stamp, const std::vector<EntryToCommit>& entries, std::uint64_t call) {
  const MonoTime sent = clock_.now();
  const auto is = [this](double FaultRates::*kind) { return random_.chance(faults_[kind]); };
  const MonoTime soon = sent + latency() * 2;
  if (is(&FaultRates::commit_not_done)) {
    answer_later(call, soon, unanswered(CommitOutcome::not_done, "NOT_COORDINATOR"));
    return;
  }
  const MonoTime given_up = sent + random_.between(Duration(milliseconds(1)), options_.commit_timeout);
  const bool lost = is(&FaultRates::commit_lost) || faults_.group_is_out;
  const bool late = is(&FaultRates::commit_late);
  const bool untold = is(&FaultRates::commit_reply_lost);
  if (lost || late || untold) {
    answer_later(call, given_up, unanswered(CommitOutcome::unknown, "the connection was reset"));
  }
  if (lost) {
    return;
  }
  const MonoTime arrives =
      late ? sent + random_.between(Duration(milliseconds(1)), options_.fence_wait) : sent + latency();
  agenda_.at(
      arrives, [&broker = broker_, &clock = clock_, stamp, entries, call,
                deadline = sent + options_.fence_wait, untold = untold || late, mutant = options_.mutant,
                process = std::weak_ptr(process_), calls = std::weak_ptr(commit_calls_), back = latency()] {
        broker.commit(stamp, entries, deadline, [=, &clock](CommitReply answer) {
          if (mutant == Mutant::partial_success_taken_for_success &&
              answer.outcome == CommitOutcome::refused && !answer.membership_lost && entries.size() > 1) {
            answer = {.outcome = CommitOutcome::done, .membership_lost = false, .error = {}};
          }
          if (!untold) {
            reply<CommitReply>(process, calls, call, clock.now() + back, answer);
          }
        });
      });
}

// As a library would that has a queue of its own, stamps what leaves it with what it has then, and repeats
// unasked.
void SimSource::transmit_as_a_library(const std::vector<EntryToCommit>& entries, std::uint64_t call,
                                      MonoTime until) {
  process_->post(clock_.now() + random_.between(milliseconds(1), seconds(2)),
                 [this, alive = std::weak_ptr(alive_), entries, call, until] {
                   if (alive.expired()) {
                     return;
                   }
                   transmit(membership_ == Membership::member ? member_ : Stamp{}, entries, call);
                   if (commit_calls_->waits(call) && clock_.now() < until) {
                     transmit_as_a_library(entries, call, until);
                   }
                 });
}

// Records

void SimSource::fetch_from(PartitionSlot slot, Position position) {
  const bool has_assignment = state_ == State::held || state_ == State::ending;
  CHECK(has_assignment);
  offered_ = false;
  Slot& at = slots_.at(slot.value);
  at.held = false;
  at.fetching = false;
  ++at.reading;
  at.position = position;
  at.fetched_end = position;
}

void SimSource::hold(PartitionSlot slot) {
  offered_ = false;
  Slot& at = slots_.at(slot.value);
  at.held = true;
  at.fetching = false;
  ++at.reading;
  at.fetched_end = at.position;
}

void SimSource::fetch(std::uint32_t index) {
  slots_[index].fetching = true;
  in_this_epoch(clock_.now() + latency(),
                [this, index, reading = slots_[index].reading, count = random_.between(1, 100)] {
                  Slot& slot = slots_.at(index);
                  if (slot.reading != reading) {
                    return;
                  }
                  slot.fetching = false;
                  const Log& log = broker_.logs.at(slot.id);
                  const auto first = std::lower_bound(
                      log.records.begin(), log.records.end(), slot.position.value,
                      [](const LogRecord& record, std::int64_t at) { return record.offset.value < at; });
                  const auto left = log.records.end() - first;
                  slot.fetched_end = left > count ? after((first + count - 1)->offset) : log.end;
                });
}

void SimSource::spoil(std::vector<RecordView>& views) {
  if (views.size() < 2 || !random_.chance(0.1)) {
    return;
  }
  if (options_.sabotage == Sabotage::source_skips) {
    views.erase(views.begin());
  } else if (options_.sabotage == Sabotage::source_repeats) {
    views[1].value = views[0].value;
  }
}

const source::RecordSpan* SimSource::front() {
  if (state_ != State::held || slots_.empty()) {
    return nullptr;
  }
  if (offered_) {
    return &front_;
  }
  const std::size_t first = random_.below(slots_.size());
  for (std::size_t i = 0; i < slots_.size() && !offered_; ++i) {
    offered_ = fill_front(static_cast<std::uint32_t>((first + i) % slots_.size()));
  }
  return offered_ ? &front_ : nullptr;
}

// False: nothing has arrived of the partition.
bool SimSource::fill_front(std::uint32_t index) {
  const Slot& slot = slots_[index];
  if (slot.held) {
    return false;
  }
  const Log& log = broker_.logs.at(slot.id);
  if (slot.position >= slot.fetched_end) {
    if (!slot.fetching && slot.position < log.end) {
      fetch(index);
    }
    return false;
  }
  views_.clear();
  front_ = {.slot = PartitionSlot{index}, .records = {}, .next = slot.fetched_end};
  const std::size_t views_max = 1 + random_.below(50);
  auto record =
      std::lower_bound(log.records.begin(), log.records.end(), slot.position.value,
                       [](const LogRecord& each, std::int64_t at) { return each.offset.value < at; });
  for (; record != log.records.end() && record->offset.value < slot.fetched_end.value; ++record) {
    if (views_.size() == views_max) {
      front_.next = after(views_.back().offset);
      break;
    }
    views_.push_back({.offset = record->offset,
                      .timestamp_ms = record->timestamp_ms,
                      .key = {},
                      .value = as_bytes(record->value),
                      .headers = {},
                      .null_key = true,
                      .null_value = record->value.empty()});
  }
  spoil(views_);
  front_.records = views_;
  return true;
}

void SimSource::taken(std::size_t count) {
  if (!std::exchange(offered_, false)) {  // sent elsewhere meanwhile
    return;
  }
  CHECK(count <= front_.records.size());
  Position& position = slots_[front_.slot.value].position;
  if (count == front_.records.size()) {
    position = front_.next;
  } else if (count > 0) {
    position = after(front_.records[count - 1].offset);
  }
}

void SimSource::partition_states(std::vector<source::PartitionState>& states) const {
  states.clear();
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    states.push_back({.slot = PartitionSlot{i},
                      .position = slots_[i].position,
                      .log_end = broker_.logs.at(slots_[i].id).end});
  }
}

void SimSource::close() {
  if (std::exchange(closed_, true)) {
    return;
  }
  ++epoch_;
  if (!process_->killed && !member_.member_id.empty() && options_.instance_id.empty()) {
    agenda_.at(clock_.now() + latency(), [&broker = broker_, id = member_.member_id] { broker.leave(id); });
  }
}

}  // namespace penstock::sim
