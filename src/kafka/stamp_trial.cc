// How it works. A trial is a member like any worker, in a group of its own:
//
// 1. It joins, and its first assignment brings a stamp: generation 1 and the id that the coordinator gave.
// 2. It commits with that stamp. Had this been refused, nothing could be learned from the rest.
// 3. It commits with generation 0, and then with an id that no member has. Both have to be refused.
// 4. With an instance id a second member joins with the same one, and gets a member id of its own. The stamp
//    of step 1 is that of a fenced member now, and has to be refused.
// 5. The member leaves, and commits once more with its latest stamp. The group is empty now, and must refuse
//    it all the same. A static member leaves by a request of ours, as librdkafka's never does.
#include "kafka/stamp_trial.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "kafka/broker_access.h"
#include "wire/cluster_client.h"
#include "wire/group_offsets.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_step = std::chrono::milliseconds(50);
constexpr std::chrono::milliseconds k_between_tries{200};
constexpr Duration k_commit_answer = std::chrono::seconds(5);
constexpr std::chrono::milliseconds k_leave{5000};

// Our own connection to the coordinator of the group.
struct Coordinator {
  static Result<std::unique_ptr<Coordinator>> connect(const source::ConsumerOptions& consumer, io::Loop& loop,
                                                      const Clock& clock) {
    Result<wire::BrokerAccess> access = broker_access(consumer);
    if (!access.ok()) {
      return std::move(access).error();
    }
    const Result<std::vector<std::string>> brokers = broker_addresses(consumer);
    if (!brokers.ok()) {
      return brokers.error();
    }
    auto cluster = wire::ClusterClient::make(loop, clock, *brokers, *access);
    if (!cluster.ok()) {
      return std::move(cluster).error();
    }
    auto made = std::make_unique<Coordinator>();
    made->cluster = std::move(cluster).value();
    made->offsets =
        std::make_unique<wire::GroupOffsets>(loop, clock, *made->cluster, *std::move(access), consumer.group);
    return made;
  }

  std::unique_ptr<wire::ClusterClient> cluster;
  std::unique_ptr<wire::GroupOffsets> offsets;
};

class Trial {
 public:
  Trial(StampTrial trial, io::Loop& loop, const Clock& clock)
      : trial_(std::move(trial)), loop_(loop), clock_(clock), deadline_(clock.now() + trial_.patience) {}

  Result<void> run() {
    if (Result<void> connected = connect(); !connected.ok()) {
      return connected;
    }
    Result<void> tried = join();
    if (tried.ok()) {
      tried = try_as_member();
    }
    if (tried.ok() && !trial_.consumer.group_instance_id.empty()) {
      tried = try_as_fenced();
    }
    const bool has_left = leave();
    return tried.ok() && has_left ? expect_refused(stamp_, "a member that has left") : tried;
  }

 private:
  Result<void> connect() {
    Result<std::unique_ptr<Coordinator>> connected = Coordinator::connect(trial_.consumer, loop_, clock_);
    if (!connected.ok()) {
      return std::move(connected).error();
    }
    coordinator_ = std::move(connected).value();
    return {};
  }

  // A member that there is already goes on until the end.
  Result<void> join() {
    Result<std::unique_ptr<source::Membership>> joined = trial_.join();
    if (!joined.ok()) {
      return std::move(joined).error();
    }
    members_.push_back(std::move(joined).value());
    assigned_ = false;
    return {};
  }

  Result<void> try_as_fenced() {
    const MemberStamp former = stamp_;
    Result<void> joined = join();
    if (joined.ok()) {
      joined = await_assignment();
    }
    if (!joined.ok() && joined.error().kind == ErrorKind::timed_out) {
      return {};  // nobody was fenced: a coordinator that knows no instance ids waits for the former member
    }
    return joined.ok() ? expect_refused(former, "a member whose instance id another one has taken") : joined;
  }

  // Whether the coordinator knows that the latest member is gone.
  bool leave() {
    std::optional<Result<void>> left;
    if (!trial_.consumer.group_instance_id.empty() && stamp_.generation >= 0) {
      coordinator_->offsets->leave(stamp_, k_leave,
                                   [&left](Result<void> result) { left = std::move(result); });
      while (!left) {
        loop_.run_once(k_step);
      }
    }
    for (const auto& member : members_) {
      member->close(k_leave);
    }
    return !left || left->ok();
  }

  Result<void> try_as_member() {
    if (Result<void> committed = commit_as_member(); !committed.ok()) {
      return committed;
    }
    MemberStamp stale = stamp_;
    stale.generation = stamp_.generation > 0 ? stamp_.generation - 1 : stamp_.generation + 1;
    if (Result<void> refused = expect_refused(stale, "a former generation"); !refused.ok()) {
      return refused;
    }
    stale = stamp_;
    std::reverse(stale.member_id.begin(), stale.member_id.end());
    return expect_refused(stale, "a member that is not in the group");
  }

  // With each assignment again, as another `penstock check` may join beside this one.
  Result<void> commit_as_member() {
    for (;;) {
      if (Result<void> assigned = await_assignment(); !assigned.ok()) {
        return assigned;
      }
      const CommitReply reply = commit(stamp_);
      if (reply.worst() == CommitOutcome::done) {
        return {};
      }
      if (reply.worst() != CommitOutcome::refused || clock_.now() >= deadline_) {
        return could_not(reply);
      }
      assigned_ = false;
    }
  }

  Result<void> await_assignment() {
    std::optional<Error> last;
    while (!assigned_) {
      serve_former_members();
      std::vector<source::MembershipEvent> events;
      members_.back()->poll(events);
      for (source::MembershipEvent& event : events) {
        if (event.kind == source::MembershipEvent::Kind::assigned) {
          stamp_ = std::move(event.stamp);
          assigned_ = stamp_.generation >= 0;
        } else if (event.kind == source::MembershipEvent::Kind::error) {
          last = std::move(event.error);
        } else {
          members_.back()->unassign();
        }
      }
      if (last && last->action != Action::retry) {
        return *std::move(last);
      }
      if (clock_.now() >= deadline_) {
        return last ? *std::move(last)
                    : make_error(ErrorKind::timed_out, Action::retry,
                                 concat("joining the scratch group ", trial_.consumer.group,
                                        ": the group gave no assignment in time"));
      }
      loop_.run_once(k_step);
    }
    return {};
  }

  // A coordinator that knows no instance ids does not fence them. It waits until they have joined again.
  void serve_former_members() {
    for (std::size_t i = 0; i + 1 < members_.size(); ++i) {
      std::vector<source::MembershipEvent> events;
      members_[i]->poll(events);
      for (const source::MembershipEvent& event : events) {
        if (event.kind == source::MembershipEvent::Kind::revoked ||
            event.kind == source::MembershipEvent::Kind::lost) {
          members_[i]->unassign();
        }
      }
    }
  }

  // Until it was looked at: a coordinator may still be loading.
  CommitReply commit(const MemberStamp& stamp) {
    for (;;) {
      std::optional<CommitReply> got;
      coordinator_->offsets->commit(stamp,
                                    {{.id = trial_.partition, .position = Position{0}, .metadata = {}}},
                                    k_commit_answer, [&got](CommitReply reply) { got = std::move(reply); });
      while (!got) {
        loop_.run_once(k_step);  // it is answered, or its time is over
      }
      if (got->worst() != CommitOutcome::not_done || clock_.now() >= deadline_) {
        return *std::move(got);
      }
      std::this_thread::sleep_for(k_between_tries);
    }
  }

  Result<void> expect_refused(const MemberStamp& stamp, std::string_view whose) {
    const CommitReply reply = commit(stamp);
    if (reply.worst() == CommitOutcome::refused) {
      return {};
    }
    if (reply.worst() != CommitOutcome::done) {
      return could_not(reply);
    }
    return make_error(ErrorKind::unsupported, Action::fatal,
                      concat("the group's coordinator has taken a commit of ", whose,
                             ". exactly_once rests on such commits being refused: write guarantee: "
                             "at_least_once"),
                      "stale stamp");
  }

  Error could_not(const CommitReply& reply) const {
    const Error* error = reply.error();
    return make_error(error != nullptr ? error->kind : ErrorKind::unavailable, Action::retry,
                      concat("committing in the scratch group ", trial_.consumer.group, ": ",
                             error != nullptr ? error->message : "it was not answered"));
  }

  StampTrial trial_;
  io::Loop& loop_;
  const Clock& clock_;
  const MonoTime deadline_;
  std::unique_ptr<Coordinator> coordinator_;
  std::vector<std::unique_ptr<source::Membership>> members_;  // the latest is the one that counts
  MemberStamp stamp_;
  bool assigned_ = false;
};

}  // namespace

Result<void> try_stale_stamps(StampTrial trial, io::Loop& loop, const Clock& clock) {
  return Trial(std::move(trial), loop, clock).run();
}

Result<void> remove_group(const source::ConsumerOptions& consumer, io::Loop& loop, const Clock& clock) {
  const Result<std::unique_ptr<Coordinator>> coordinator = Coordinator::connect(consumer, loop, clock);
  if (!coordinator.ok()) {
    return coordinator.error();
  }
  std::optional<Result<void>> removed;
  (*coordinator)->offsets->remove(k_commit_answer, [&removed](Result<void> result) {
    removed = std::move(result);
  });
  while (!removed) {
    loop.run_once(k_step);
  }
  return *std::move(removed);
}

}  // namespace penstock::kafka
