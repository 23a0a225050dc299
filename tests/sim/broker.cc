// How it works
//
// The group is empty, preparing or stable. A new member, a member that is out, or a join of one that is in
// starts a preparation. It ends when all members wait for their join's answer, or when rebalance_timeout has
// passed. Then there is a new generation, and dynamic members that have not joined are out.
//
// A commit is checked when it arrives. What is accepted waits in one queue until it is visible, as in the log
// of a real coordinator. A read therefore does not see what is accepted and still waits:
//
//   0 s  A commits a claim. It is accepted in generation 4, and by chance it is to be visible at 6 s.
//   3 s  A is frozen, and its session is over. B gets the partition in generation 5.
//   4 s  B reads the entry. It is the one before A's claim.
//   5 s  B commits, visible at once. A's claim is ahead of it in the queue, so it becomes visible first.
//
// Without B's commit a second read after 6 s would have found the claim. That read is the protocol's fence.
#include "sim/broker.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration k_between_expirations = milliseconds(250);

CommitReply refusal(std::string message, bool membership_lost) {
  return {.outcome = CommitOutcome::refused,
          .membership_lost = membership_lost,
          .error = make_error(ErrorKind::forbidden, Action::retry, std::move(message))};
}

const char* name_of(GroupError error) {
  switch (error) {
    case GroupError::none:
      return "NONE";
    case GroupError::unknown_member:
      return "UNKNOWN_MEMBER_ID";
    case GroupError::illegal_generation:
      return "ILLEGAL_GENERATION";
    case GroupError::fenced_instance:
      return "FENCED_INSTANCE_ID";
    case GroupError::rebalance:
      return "REBALANCE_IN_PROGRESS";
  }
  return "?";
}

}  // namespace

Broker::Broker(const SimClock& clock, Agenda& agenda, const Faults& faults, GroupOptions options,
               Random random, Verdict& verdict)
    : clock_(clock), agenda_(agenda), faults_(faults), options_(options), random_(random), verdict_(verdict) {
  expire_members();
}

void Broker::be_patient() {
  options_.session_timeout = std::max(options_.session_timeout, Duration(seconds(10)));
  options_.rebalance_timeout = std::max(options_.rebalance_timeout, Duration(seconds(60)));
}

// Members

GroupError Broker::check(const Stamp& stamp) const {
  const auto instance = instances_.find(stamp.instance_id);
  if (!stamp.instance_id.empty() && instance != instances_.end() && instance->second != stamp.member_id) {
    return GroupError::fenced_instance;
  }
  if (!members_.contains(stamp.member_id)) {
    return GroupError::unknown_member;
  }
  return stamp.generation == generation_ ? GroupError::none : GroupError::illegal_generation;
}

void Broker::join(const Stamp& stamp, std::function<void(const JoinReply&)> answer) {
  const auto instance = instances_.find(stamp.instance_id);
  const bool instance_known = !stamp.instance_id.empty() && instance != instances_.end();
  if (stamp.member_id.empty()) {
    if (instance_known) {
      replace(std::string(instance->second), std::move(answer));
    } else {
      join_anew(stamp, std::move(answer));
    }
    return;
  }
  if (instance_known && instance->second != stamp.member_id) {
    answer({.error = GroupError::fenced_instance});
    return;
  }
  const auto member = members_.find(stamp.member_id);
  if (member == members_.end()) {
    answer({.error = GroupError::unknown_member});
    return;
  }
  member->second.joining = std::move(answer);
  member->second.seen = clock_.now();
  if (state_ != State::preparing) {
    prepare();
  }
  complete_if_all_joined();
}

void Broker::join_anew(const Stamp& stamp, std::function<void(const JoinReply&)> answer) {
  const std::string id = concat("member-", ++last_member_);
  members_.emplace(id, Member{.instance_id = stamp.instance_id,
                              .seen = clock_.now(),
                              .joining = std::move(answer),
                              .partitions = {}});
  if (!stamp.instance_id.empty()) {
    instances_[stamp.instance_id] = id;
  }
  if (state_ != State::preparing) {
    prepare();
  }
  complete_if_all_joined();
}

// A static member that came back: with its partitions, in the generation that is, under a new id; whoever
// still uses the old id is fenced.
void Broker::replace(const std::string& old_id, std::function<void(const JoinReply&)> answer) {
  Member member = std::move(members_.extract(old_id).mapped());
  const std::string id = concat("member-", ++last_member_);
  instances_[member.instance_id] = id;
  member.seen = clock_.now();
  member.joining = nullptr;
  verdict_.note("group: ", member.instance_id, " is ", id, " and was ", old_id);
  if (state_ == State::stable) {
    answer({.error = GroupError::none,
            .generation = generation_,
            .member_id = id,
            .partitions = member.partitions});
  } else {
    member.joining = std::move(answer);
  }
  members_.emplace(id, std::move(member));
  complete_if_all_joined();
}

GroupError Broker::heartbeat(const Stamp& stamp) {
  if (const GroupError error = check(stamp); error != GroupError::none) {
    return error;
  }
  members_.at(stamp.member_id).seen = clock_.now();
  return state_ == State::preparing ? GroupError::rebalance : GroupError::none;
}

void Broker::leave(const std::string& member_id) {
  if (members_.contains(member_id)) {
    remove(member_id);
  }
}

void Broker::remove(const std::string& member_id) {
  const auto member = members_.extract(member_id);
  if (!member.mapped().instance_id.empty()) {
    instances_.erase(member.mapped().instance_id);
  }
  verdict_.note("group: ", member_id, " is out");
  if (members_.empty()) {
    state_ = State::empty;
    ++generation_;
    ++preparation_;
  } else if (state_ == State::stable) {
    prepare();
  } else {
    complete_if_all_joined();
  }
}

void Broker::expire_members() {
  std::vector<std::string> expired;
  for (const auto& [id, member] : members_) {
    if (!member.joining && clock_.now() - member.seen > options_.session_timeout) {
      expired.push_back(id);
    }
  }
  for (const std::string& id : expired) {
    if (members_.contains(id)) {
      remove(id);
    }
  }
  agenda_.at(clock_.now() + k_between_expirations, [this] { expire_members(); });
}

// Rebalances

void Broker::prepare() {
  const bool was_empty = state_ == State::empty;
  state_ = State::preparing;
  const std::uint64_t preparation = ++preparation_;
  complete_not_before_ = was_empty ? clock_.now() + options_.first_rebalance_delay : clock_.now();
  if (was_empty) {
    agenda_.at(complete_not_before_, [this] { complete_if_all_joined(); });
  }
  agenda_.at(clock_.now() + options_.rebalance_timeout, [this, preparation] {
    if (state_ == State::preparing && preparation == preparation_) {
      complete();
    }
  });
}

void Broker::complete_if_all_joined() {
  if (state_ == State::preparing && clock_.now() >= complete_not_before_ &&
      std::all_of(members_.begin(), members_.end(),
                  [](const auto& each) { return static_cast<bool>(each.second.joining); })) {
    complete();
  }
}

// Who has not joined is out, but for static members: theirs is only the session to lose.
void Broker::complete() {
  std::erase_if(members_,
                [](const auto& each) { return !each.second.joining && each.second.instance_id.empty(); });
  ++generation_;
  ++preparation_;
  state_ = members_.empty() ? State::empty : State::stable;
  assign_partitions();
  syncing_until_ = clock_.now() + random_.between(milliseconds(0), milliseconds(50));
  verdict_.note("group: generation ", generation_, " of ", members_.size());
  for (auto& [id, member] : members_) {
    if (const auto answer = std::exchange(member.joining, nullptr)) {
      member.seen = clock_.now();
      answer({.error = GroupError::none,
              .generation = generation_,
              .member_id = id,
              .partitions = member.partitions});
    }
  }
}

void Broker::assign_partitions() {
  std::vector<Member*> members;
  for (auto& [id, member] : members_) {
    member.partitions.clear();
    members.push_back(&member);
  }
  if (members.empty()) {
    return;
  }
  std::map<std::string, std::size_t> counts;  // of partitions, by topic
  for (const auto& [id, log] : logs) {
    ++counts[id.topic];
  }
  std::size_t turn = 0;
  std::map<std::string, std::size_t> given;
  for (const auto& [id, log] : logs) {
    const std::size_t nth = given[id.topic]++;
    const std::size_t who =
        options_.round_robin ? turn++ % members.size() : nth * members.size() / counts[id.topic];
    members[who]->partitions.push_back(id);
  }
}

// Entries

void Broker::commit(const Stamp& stamp, const std::vector<EntryToCommit>& entries, MonoTime deadline,
                    std::function<void(const CommitReply&)> answer) {
  // Without generation and member the request is a simple consumer's, which an empty group takes.
  const bool simple = stamp.generation < 0 && stamp.member_id.empty() && state_ == State::empty;
  const GroupError error = simple ? GroupError::none : check(stamp);
  if (error != GroupError::none) {
    verdict_.note("group: a commit of ", stamp.member_id, " in ", stamp.generation,
                  " is refused: ", name_of(error));
    answer(refusal(name_of(error), true));
    return;
  }
  if (!simple) {
    members_.at(stamp.member_id).seen = clock_.now();
  }
  if (!simple && state_ == State::stable && clock_.now() < syncing_until_) {
    answer(refusal(name_of(GroupError::rebalance), false));
    return;
  }
  Accepted accepted{.entries = entries,
                    .visible_at = clock_.now(),
                    .answer = std::move(answer),
                    .outcome = {.outcome = CommitOutcome::done, .membership_lost = false, .error = {}}};
  if (random_.chance(faults_[&FaultRates::commit_visible_late])) {
    accepted.visible_at += random_.between(milliseconds(1), seconds(8));
  }
  accepted.visible_at = std::min(accepted.visible_at, deadline);
  if (random_.chance(faults_[&FaultRates::commit_partly])) {
    accepted.entries.erase(accepted.entries.begin() +
                           static_cast<std::ptrdiff_t>(random_.below(entries.size())));
    accepted.outcome = refusal("TOPIC_AUTHORIZATION_FAILED, of one partition", false);
  }
  for (Accepted& earlier : accepted_) {  // one log: what came first is seen first
    earlier.visible_at = std::min(earlier.visible_at, accepted.visible_at);
  }
  const MonoTime visible_at = accepted.visible_at;
  accepted_.push_back(std::move(accepted));
  agenda_.at(visible_at, [this] { make_visible(); });
}

void Broker::make_visible() {
  while (!accepted_.empty() && accepted_.front().visible_at <= clock_.now()) {
    const Accepted commit = std::move(accepted_.front());
    accepted_.pop_front();
    for (const EntryToCommit& each : commit.entries) {
      entries_[each.id] = each.entry;
      on_entry(each.id, each.entry);
    }
    commit.answer(commit.outcome);
  }
}

std::optional<GroupEntry> Broker::read(const TopicPartition& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace penstock::sim
