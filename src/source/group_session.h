// The life of an assignment, from the group's word to release(). Every source over a real Kafka stands on it.
// A source adds where partitions start, their records and their commits.
//
//              assigned                 activate()               revoked, lost
//     none ───────────────► resolving ─────────────► held ───────────────────────► ending
//      ▲                        │                                                     │
//      └── revoked, lost ───────┴──────────────────── release() ──────────────────────┘
//
// None: there is no assignment. Resolving: the group gave one, and the source looks up where its partitions
// start. Held: the pipeline has it. Ending: the pipeline was told of its end, and its release() is awaited.
// group_session.cc tells what is done when the group changes its mind meanwhile.
//
// It does no input and output of its own. Its tests drive it with a scripted Membership.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/commit.h"
#include "base/member_stamp.h"
#include "base/types.h"
#include "source/error_gate.h"
#include "source/membership.h"
#include "source/source.h"
#include "source/source_options.h"

namespace penstock::source {

class GroupSession {
 public:
  enum class State : std::uint8_t { none, resolving, held, ending };

  // What the source does for it. Each runs inside the call that caused it.
  struct Hooks {
    // Look up where the partitions() start, then call activate(), at once or later. Never without partitions.
    std::function<void()> resolve;

    // The assignment is ending: no more records of it. What was committed so far may still be answered.
    std::function<void()> ending;

    // The assignment is over, or was never held: forget all of it. The next one may follow at once.
    std::function<void()> over;
  };

  // `clock` and `options` outlive it.
  GroupSession(const Clock& clock, const SourceOptions& options, Hooks hooks);

  void start(std::unique_ptr<Membership> membership, SourceHandlers handlers);
  bool started() const { return membership_ != nullptr; }

  // Serves the group. Handlers and hooks run from here.
  void poll();

  // Only while resolving: the pipeline gets the assignment. One row per partition, in their order.
  void activate(std::span<const Assigned> assigned);

  // Source::release().
  void release();

  // Leaves the group. No handler and no hook runs any more. The membership is handed out, for those who must
  // end what uses it before it goes.
  [[nodiscard]] std::unique_ptr<Membership> close();

  State state() const { return state_; }
  bool resolving() const { return state_ == State::resolving; }
  bool held() const { return state_ == State::held; }
  // Held or ending: entries can be read and written.
  bool has_slots() const { return state_ == State::held || state_ == State::ending; }

  // Of the assignment there is. A slot is an index into partitions().
  const std::vector<TopicPartition>& partitions() const { return given_.partitions; }
  const TopicPartition& partition(PartitionSlot slot) const { return given_.partitions.at(slot.value); }
  const MemberStamp& stamp() const { return given_.stamp; }
  // Of the assignment that there was last, perhaps an empty one.
  const MemberStamp& last_stamp() const { return last_stamp_; }

  // The same commits by the names of their partitions. CHECKs that there is one, and an assignment it is of.
  std::vector<EntryToCommit> entries_of(std::span<const CommitItem> commits) const;

  // Whether the partition, read up to `position`, has reached its end mark. `log_end`: as was read last; -1:
  // it is not known.
  bool at_end_mark(PartitionSlot slot, Position position, Position log_end) const;

  // Tell the pipeline, which holds the assignment.
  void tell_failed(PartitionSlot slot, Error error) const;
  // That the partition waits: once in a while. To `failed` where nobody wants to know which one.
  void tell_waits(PartitionSlot slot, Error error);
  void tell_goes_on(PartitionSlot slot) const;
  void tell_start_found(PartitionSlot slot, Position start) const;
  void tell_moved(PartitionSlot slot, Position start, const std::string& topic_id) const;

  // Tells the pipeline of an error of the source as a whole. A fatal one is told once. Others are counted,
  // and told once in a while for each code.
  void report(Error error);

  // The same for an error that passes by itself, whatever it asks for. A running worker waits for a rotated
  // password, a renewed certificate or a right that was taken away. What is wrong from the beginning is found
  // before a worker starts (probe_cluster()).
  void report_passing(Error error);
  std::uint64_t error_count() const { return error_count_; }

 private:
  struct Given {  // by the group
    std::vector<TopicPartition> partitions;
    MemberStamp stamp;
  };

  void on_event(MembershipEvent& event);
  void on_assigned(Given given);
  void on_revoked(RevokeReason reason);
  void begin(Given given);
  void end(RevokeReason reason);
  void finish();

  const Clock& clock_;
  const SourceOptions& options_;
  const Hooks hooks_;
  SourceHandlers handlers_;
  std::unique_ptr<Membership> membership_;

  State state_ = State::none;
  Given given_;
  MemberStamp last_stamp_;
  std::optional<Given> next_;  // came while the former was not released
  std::vector<MembershipEvent> events_;

  ErrorGate gate_;
  std::uint64_t error_count_ = 0;
  bool fatal_told_ = false;
};

}  // namespace penstock::source
