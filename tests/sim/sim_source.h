// The Source seam over the simulated broker: what kafka::DirectSource does with librdkafka and the wire, with
// requests that are slow, lost, answered to nobody, or processed late.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/group_entry.h"
#include "sim/broker.h"
#include "sim/faults.h"
#include "sim/mutants.h"
#include "sim/process.h"
#include "sim/sabotage.h"
#include "sim/sim_clock.h"
#include "sim/sim_random.h"
#include "sim/verdict.h"
#include "source/source.h"

namespace penstock::sim {

struct SourceOptions {
  std::string instance_id;  // empty: a dynamic member
  Duration heartbeat{};
  Duration fence_wait{};  // no request is processed later than this after it was sent
  Duration commit_timeout{};
  bool start_latest = false;
  bool silent_once_lost = false;  // exactly_once: no commit after one was refused as membership is lost
  Mutant mutant = Mutant::none;
  Sabotage sabotage = Sabotage::none;
};

class SimSource final : public source::Source {
 public:
  // All outlive it.
  SimSource(const SimClock& clock, Agenda& agenda, Broker& broker, const Faults& faults, ProcessPtr process,
            SourceOptions options, Random random, Verdict& verdict);

  Result<void> start(source::SourceHandlers handlers) override;
  void poll() override;
  const source::RecordSpan* front() override;
  void taken(std::size_t count) override;
  void fetch_from(PartitionSlot slot, Position position) override;
  void hold(PartitionSlot slot) override;
  void read_entries(std::span<const PartitionSlot> slots,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) override;
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override;
  void release() override;
  void close() override;
  void partition_states(std::vector<source::PartitionState>& states) const override;
  source::SourceCounters counters() const override { return {}; }

 private:
  using Entries = std::vector<std::optional<GroupEntry>>;
  enum class State : std::uint8_t { none, resolving, held, ending };
  enum class Membership : std::uint8_t { out, joining, member };
  struct Slot {
    TopicPartition id;
    Position position;     // behind what was taken
    Position fetched_end;  // up to here, records have arrived
    bool held = true;
    bool fetching = false;
    std::uint64_t reading = 0;  // counts fetch_from() and hold()
  };

  // The group.
  void send_join();
  void on_joined(const JoinReply& reply);
  void beat();
  void send_heartbeat();
  void on_group_error(GroupError error);
  void serve_group();
  void end_assignment(source::RevokeReason reason);
  void resolve();
  void on_resolved(Result<Entries> entries);

  // Requests.
  void ask_entries(std::vector<TopicPartition> partitions, std::function<void(Result<Entries>)> done);
  void transmit(const Stamp& stamp, const std::vector<EntryToCommit>& entries, std::uint64_t call);
  void transmit_as_a_library(const std::vector<EntryToCommit>& entries, std::uint64_t call, MonoTime until);
  void answer_later(std::uint64_t call, MonoTime due, const CommitReply& answer);

  // Records.
  void spoil(std::vector<RecordView>& views);
  bool fill_front(std::uint32_t index);
  void fetch(std::uint32_t index);

  Duration latency();
  void in_this_epoch(MonoTime due, std::function<void()> task);

  const SimClock& clock_;
  Agenda& agenda_;
  Broker& broker_;
  const Faults& faults_;
  ProcessPtr process_;
  SourceOptions options_;
  Random random_;
  Verdict& verdict_;
  source::SourceHandlers handlers_;

  Membership membership_ = Membership::out;
  Stamp member_;  // as the library has it now
  Stamp stamp_;   // of the assignment that is held
  std::vector<TopicPartition> given_;
  MonoTime join_not_before_{};
  bool beating_ = false;
  bool heartbeat_in_flight_ = false;
  bool rebalance_asked_ = false;
  bool lost_ = false;
  bool fenced_ = false;

  State state_ = State::none;
  std::uint64_t epoch_ = 0;
  bool told_lost_ = false;  // of this epoch: no commit is allowed any more
  std::optional<Entries> resolved_;
  std::vector<source::Assigned> assigned_;
  std::vector<Slot> slots_;
  std::vector<RecordView> views_;  // of front_
  source::RecordSpan front_;
  bool offered_ = false;  // front_ was given out, and is still what is to be taken next
  bool committing_ = false;
  bool closed_ = false;

  using JoinCalls = Calls<JoinReply>;
  using HeartbeatCalls = Calls<GroupError>;
  using EntryCalls = Calls<Result<Entries>>;
  using CommitCalls = Calls<CommitReply>;
  std::shared_ptr<JoinCalls> joins_ = std::make_shared<JoinCalls>();
  std::shared_ptr<HeartbeatCalls> heartbeats_ = std::make_shared<HeartbeatCalls>();
  std::shared_ptr<EntryCalls> entry_calls_ = std::make_shared<EntryCalls>();
  std::shared_ptr<CommitCalls> commit_calls_ = std::make_shared<CommitCalls>();
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace penstock::sim
