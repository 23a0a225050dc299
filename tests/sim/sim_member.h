// The Membership seam over the simulated group: what librdkafka is to kafka::DirectSource, with answers that
// are slow, and heartbeats that a frozen process does not send.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/broker.h"
#include "sim/faults.h"
#include "sim/process.h"
#include "sim/sim_clock.h"
#include "sim/sim_random.h"
#include "sim/verdict.h"
#include "source/membership.h"

namespace penstock::sim {

class SimMember final : public source::Membership {
 public:
  struct Options {
    std::string instance_id;  // empty: a dynamic member
    Duration heartbeat{};
    Duration slow_max{};  // of the way to the group, or back
  };

  // All outlive it.
  SimMember(const SimClock& clock, Agenda& agenda, Broker& broker, const Faults& faults, ProcessPtr process,
            Options options, Random random);

  // As the group knows us now.
  const Stamp& stamp() const { return me_; }

  void poll(std::vector<source::MembershipEvent>& events) override;
  void unassign() override;
  void close(std::chrono::milliseconds timeout) override;

 private:
  enum class State : std::uint8_t { out, joining, member };

  void send_join();
  void on_joined(const JoinReply& reply);
  void beat();
  void send_heartbeat();
  void on_group_error(GroupError error);
  void end_assignment(source::MembershipEvent::Kind how, std::vector<source::MembershipEvent>& events);
  Duration latency();

  const SimClock& clock_;
  Agenda& agenda_;
  Broker& broker_;
  const Faults& faults_;
  const ProcessPtr process_;
  const Options options_;
  Random random_;

  State state_ = State::out;
  Stamp me_;                                        // as the group knows us now
  std::optional<std::vector<TopicPartition>> new_;  // given by the group, and not told yet
  bool holds_ = false;                              // an assignment was told
  bool unassign_owed_ = false;                      // its end was told too
  bool empty_ = false;                              // it has no partition
  MonoTime join_not_before_{};
  bool beating_ = false;
  bool heartbeat_in_flight_ = false;
  bool rebalance_asked_ = false;
  bool lost_ = false;
  bool fenced_ = false;
  bool closed_ = false;

  using JoinCalls = Calls<JoinReply>;
  using HeartbeatCalls = Calls<GroupError>;
  std::shared_ptr<JoinCalls> joins_ = std::make_shared<JoinCalls>();
  std::shared_ptr<HeartbeatCalls> heartbeats_ = std::make_shared<HeartbeatCalls>();
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace penstock::sim
