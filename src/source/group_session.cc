// How it works
//
// The group speaks at any time, and the pipeline takes as long as its drain takes. So each word of the group
// is answered by the state in which it arrives:
//
//              assigned                     revoked or lost         release()
//   none       resolve it                   unassign                a bug
//   resolving  forget the old, resolve it   forget it, unassign     a bug
//   held       end the old, it waits        end it                  a bug
//   ending     it waits                     forget who waits        resolve who waits; nobody waits: unassign
//
// The worked case is a worker that joined a group with more members than partitions:
//
//   1. The group assigns nothing. There is nothing to look up, and the pipeline holds an empty assignment.
//   2. A member leaves. The group assigns "orders 0" without revoking first, as nothing was there to revoke.
//   3. The empty assignment is held. The pipeline hears `revoked`, and "orders 0" waits.
//   4. The pipeline releases, which is quick as nothing has to be drained. "orders 0" is resolved, and not
//      unassigned: the group has not asked for anything back.
//   5. Had the group revoked between 3 and 4, "orders 0" would be gone, and release() would unassign: one
//      answer for both, as the membership holds one assignment at a time.
//
// The rule behind the table: the pipeline has one assignment at a time and lets go of it only by release(),
// and each `revoked` or `lost` is answered by exactly one unassign().
#include "source/group_session.h"

#include <utility>

#include "base/check.h"
#include "base/concat.h"

namespace penstock::source {

GroupSession::GroupSession(const Clock& clock, const SourceOptions& options, Hooks hooks)
    : clock_(clock), options_(options), hooks_(std::move(hooks)) {}

void GroupSession::start(std::unique_ptr<Membership> membership, SourceHandlers handlers) {
  CHECK(membership_ == nullptr);
  membership_ = std::move(membership);
  handlers_ = std::move(handlers);
}

void GroupSession::poll() {
  events_.clear();
  membership_->poll(events_);
  for (MembershipEvent& event : events_) {
    on_event(event);
  }
}

void GroupSession::on_event(MembershipEvent& event) {
  switch (event.kind) {
    case MembershipEvent::Kind::assigned:
      return on_assigned({.partitions = std::move(event.partitions), .stamp = std::move(event.stamp)});
    case MembershipEvent::Kind::revoked:
      return on_revoked(RevokeReason::rebalance);
    case MembershipEvent::Kind::lost:
      return on_revoked(RevokeReason::lost);
    case MembershipEvent::Kind::error:
      CHECK(event.error.has_value());
      return report(*std::move(event.error));
  }
}

void GroupSession::on_assigned(Given given) {
  if (state_ == State::held) {
    next_ = std::move(given);
    end(RevokeReason::rebalance);
  } else if (state_ == State::ending) {
    next_ = std::move(given);
  } else {
    begin(std::move(given));
  }
}

void GroupSession::on_revoked(RevokeReason reason) {
  if (state_ == State::held) {
    end(reason);
  } else if (state_ == State::ending) {
    next_.reset();  // release() answers
  } else {          // the pipeline never had it
    finish();
    membership_->unassign();
  }
}

void GroupSession::begin(Given given) {
  if (state_ == State::resolving) {
    finish();
  }
  given_ = std::move(given);
  last_stamp_ = given_.stamp;
  state_ = State::resolving;
  if (given_.partitions.empty()) {
    activate({});
  } else {
    hooks_.resolve();
  }
}

void GroupSession::activate(std::span<const Assigned> assigned) {
  CHECK(state_ == State::resolving);
  CHECK(assigned.size() == given_.partitions.size());
  state_ = State::held;
  handlers_.assigned(assigned);
}

void GroupSession::end(RevokeReason reason) {
  state_ = State::ending;
  hooks_.ending();
  handlers_.revoked(reason);
}

void GroupSession::finish() {
  state_ = State::none;
  hooks_.over();
  given_ = {};
}

void GroupSession::release() {
  CHECK(state_ == State::ending);
  finish();
  if (next_) {
    begin(*std::exchange(next_, std::nullopt));
  } else {
    membership_->unassign();
  }
}

std::unique_ptr<Membership> GroupSession::close() {
  next_.reset();
  given_ = {};
  state_ = State::none;
  membership_->close(options_.close_timeout);
  return std::move(membership_);
}

std::vector<EntryToCommit> GroupSession::entries_of(std::span<const CommitItem> commits) const {
  CHECK(!commits.empty());
  CHECK(has_slots());
  std::vector<EntryToCommit> entries;
  entries.reserve(commits.size());
  for (const CommitItem& commit : commits) {
    CHECK(commit.slot.value < given_.partitions.size());
    entries.push_back(
        {.id = partition(commit.slot), .position = commit.position, .metadata = commit.metadata});
  }
  return entries;
}

// A position above its mark may lie above its log: then whoever reads there finds out what became of the log.
bool GroupSession::at_end_mark(PartitionSlot slot, Position position, Position log_end) const {
  if (!options_.end_marks) {
    return false;
  }
  const auto mark = options_.end_marks->find(partition(slot));
  return mark == options_.end_marks->end() || position == mark->second ||
         (position > mark->second && position <= log_end);
}

void GroupSession::tell_failed(PartitionSlot slot, Error error) const {
  handlers_.partition_failed(slot, std::move(error));
}

void GroupSession::tell_waits(PartitionSlot slot, Error error) {
  if (state_ != State::held) {
    return;
  }
  error.action = Action::retry;
  error.code = concat(error.code, " of ", named(partition(slot)));
  if (!handlers_.partition_waits) {
    report(std::move(error));
  } else if (gate_.passes(error.code, clock_.now())) {
    ++error_count_;
    handlers_.partition_waits(slot, std::move(error));
  }
}

void GroupSession::tell_goes_on(PartitionSlot slot) const {
  if (state_ == State::held && handlers_.partition_goes_on) {
    handlers_.partition_goes_on(slot);
  }
}

void GroupSession::tell_start_found(PartitionSlot slot, Position start) const {
  handlers_.start_found(slot, start);
}

void GroupSession::tell_moved(PartitionSlot slot, Position start, const std::string& topic_id) const {
  handlers_.moved(slot, start, topic_id);
}

void GroupSession::report(Error error) {
  if (error.action == Action::fatal) {
    if (!std::exchange(fatal_told_, true)) {
      handlers_.failed(std::move(error));
    }
    return;
  }
  ++error_count_;
  if (gate_.passes(error.code, clock_.now())) {
    handlers_.failed(std::move(error));
  }
}

void GroupSession::report_passing(Error error) {
  error.action = Action::retry;
  report(std::move(error));
}

}  // namespace penstock::source
