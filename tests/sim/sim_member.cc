// How it works
//
// Requests go to the group by the agenda of the world, and answers come back as mail of the process. So a
// frozen process sends no heartbeat and hears no answer. Its worker hears of the group in poll() only. A
// rebalance goes like this:
//
//   1. A heartbeat is answered with `rebalance`. The next poll() says `revoked`, and unassign() is owed.
//   2. The worker drains, with commits that carry the stamp of the old assignment, and calls unassign().
//   3. The next poll() joins again. The answer brings a new stamp and partitions, and the poll() after it
//      says `assigned`.
//
// As with librdkafka, an assignment without partitions may be replaced without a word.
#include "sim/sim_member.h"

#include <chrono>
#include <utility>

#include "base/check.h"

namespace penstock::sim {
namespace {

using Kind = source::MembershipEvent::Kind;
using std::chrono::milliseconds;

}  // namespace

SimMember::SimMember(const SimClock& clock, Agenda& agenda, Broker& broker, const Faults& faults,
                     ProcessPtr process, Options options, Random random)
    : clock_(clock),
      agenda_(agenda),
      broker_(broker),
      faults_(faults),
      process_(std::move(process)),
      options_(std::move(options)),
      random_(random) {
  me_.instance_id = options_.instance_id;
}

Duration SimMember::latency() {
  return random_.chance(faults_[&FaultRates::net_slow])
             ? random_.between(Duration(milliseconds(50)), options_.slow_max)
             : random_.between(Duration(std::chrono::microseconds(200)), Duration(milliseconds(10)));
}

void SimMember::poll(std::vector<source::MembershipEvent>& events) {
  CHECK(!closed_);
  if (std::exchange(fenced_, false)) {
    events.push_back({.error = make_error(ErrorKind::canceled, Action::fatal,
                                          "another member has this group.instance.id")});
    return;
  }
  if (new_) {
    const auto instance = me_.instance_id.empty() ? std::nullopt : std::optional(me_.instance_id);
    holds_ = true;
    empty_ = new_->empty();
    events.push_back(
        {.kind = Kind::assigned,
         .partitions = *std::exchange(new_, std::nullopt),
         .stamp = {.generation = me_.generation, .member_id = me_.member_id, .instance_id = instance}});
  }
  if (std::exchange(lost_, false)) {
    state_ = State::out;
    me_.member_id.clear();
    me_.generation = -1;
    rebalance_asked_ = false;
    end_assignment(Kind::lost, events);
  }
  if (std::exchange(rebalance_asked_, false)) {
    state_ = State::out;
    end_assignment(Kind::revoked, events);
  }
  if (state_ == State::out && !holds_ && clock_.now() >= join_not_before_) {
    send_join();
  }
}

// The second end of an assignment is not told: one unassign() answers both.
void SimMember::end_assignment(Kind how, std::vector<source::MembershipEvent>& events) {
  if (!holds_ || unassign_owed_) {
    return;
  }
  if (empty_ && random_.chance(0.5)) {
    holds_ = false;
    return;
  }
  unassign_owed_ = true;
  events.push_back({.kind = how});
}

void SimMember::unassign() {
  CHECK(!closed_);
  CHECK(unassign_owed_);
  unassign_owed_ = false;
  holds_ = false;
}

void SimMember::send_join() {
  state_ = State::joining;
  heartbeat_in_flight_ = false;
  const std::uint64_t call = joins_->add([this](const JoinReply& reply) { on_joined(reply); });
  if (process_->killed) {
    return;
  }
  agenda_.at(clock_.now() + random_.between(milliseconds(1), milliseconds(20)),
             [&broker = broker_, &clock = clock_, stamp = me_, call, process = std::weak_ptr(process_),
              joins = std::weak_ptr(joins_), alive = std::weak_ptr(alive_),
              back = random_.between(milliseconds(1), milliseconds(100))] {
               if (alive.expired()) {  // its connection was closed before
                 return;
               }
               broker.join(stamp, [&clock, call, process, joins, back](const JoinReply& answer) {
                 reply<JoinReply>(process, joins, call, clock.now() + back, answer);
               });
             });
}

void SimMember::on_joined(const JoinReply& reply) {
  if (state_ != State::joining) {
    return;
  }
  if (reply.error != GroupError::none) {
    state_ = State::out;
    join_not_before_ = clock_.now() + milliseconds(100);
    fenced_ = reply.error == GroupError::fenced_instance;
    me_.member_id.clear();
    return;
  }
  state_ = State::member;
  me_.generation = reply.generation;
  me_.member_id = reply.member_id;
  new_ = reply.partitions;
  if (!beating_) {
    beating_ = true;
    beat();
  }
}

// As from a thread of the library: whatever the worker does, but not while its process is frozen.
void SimMember::beat() {
  process_->post(clock_.now() + options_.heartbeat, [this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) {
      return;
    }
    if (!me_.member_id.empty() && state_ != State::joining && !heartbeat_in_flight_) {
      send_heartbeat();
    }
    beat();
  });
}

void SimMember::send_heartbeat() {
  heartbeat_in_flight_ = true;
  const std::uint64_t call = heartbeats_->add([this, stamp = me_](GroupError error) {
    heartbeat_in_flight_ = false;
    if (stamp.member_id == me_.member_id && stamp.generation == me_.generation && state_ != State::joining) {
      on_group_error(error);
    }
  });
  if (process_->killed) {
    return;
  }
  agenda_.at(clock_.now() + latency(),
             [&broker = broker_, &clock = clock_, stamp = me_, call, process = std::weak_ptr(process_),
              heartbeats = std::weak_ptr(heartbeats_), back = latency()] {
               reply<GroupError>(process, heartbeats, call, clock.now() + back, broker.heartbeat(stamp));
             });
}

void SimMember::on_group_error(GroupError error) {
  switch (error) {
    case GroupError::none:
      return;
    case GroupError::rebalance:
      rebalance_asked_ = state_ == State::member;
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

void SimMember::close(std::chrono::milliseconds /*timeout*/) {
  closed_ = true;
  alive_.reset();
  if (!process_->killed && !me_.member_id.empty() && options_.instance_id.empty()) {
    agenda_.at(clock_.now() + latency(), [&broker = broker_, id = me_.member_id] { broker.leave(id); });
  }
}

}  // namespace penstock::sim
