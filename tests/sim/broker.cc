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
constexpr Duration k_second_commit = seconds(1);

bool is_claim(const EntryToCommit& entry) {
  return entry.metadata.starts_with('p');
}

wire::ErrorCode code_of(GroupError error) {
  switch (error) {
    case GroupError::none:
      return wire::ErrorCode::none;
    case GroupError::unknown_member:
      return wire::ErrorCode::unknown_member_id;
    case GroupError::illegal_generation:
      return wire::ErrorCode::illegal_generation;
    case GroupError::fenced_instance:
      return wire::ErrorCode::fenced_instance_id;
    case GroupError::rebalance:
      return wire::ErrorCode::rebalance_in_progress;
  }
  return wire::ErrorCode::unknown_server_error;
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

Broker::Broker(const SimClock& clock, Agenda& agenda, const Faults& faults, const Cluster& cluster,
               GroupOptions options, Random random, Verdict& verdict)
    : clock_(clock),
      agenda_(agenda),
      faults_(faults),
      cluster_(cluster),
      options_(options),
      random_(random),
      verdict_(verdict) {
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
  for (const auto& [id, log] : cluster_.logs) {
    counts[id.topic] += log.exists ? 1 : 0;
  }
  std::size_t turn = 0;
  std::map<std::string, std::size_t> given;
  for (const auto& [id, log] : cluster_.logs) {
    if (!log.exists) {
      continue;
    }
    const std::size_t nth = given[id.topic]++;
    const std::size_t who =
        options_.round_robin ? turn++ % members.size() : nth * members.size() / counts[id.topic];
    members[who]->partitions.push_back(id);
  }
}

void Broker::topics_changed() {
  if (state_ == State::stable) {
    prepare();
  }
}

bool Broker::owns(const Stamp& stamp, const TopicPartition& id) const {
  const auto member = members_.find(stamp.member_id);
  return member != members_.end() && stamp.generation == generation_ &&
         std::ranges::find(member->second.partitions, id) != member->second.partitions.end();
}

// Entries

Stamp Broker::stamp_of_now(const Stamp& stamp) const {
  return members_.contains(stamp.member_id) ? Stamp{.generation = generation_,
                                                    .member_id = stamp.member_id,
                                                    .instance_id = stamp.instance_id}
                                            : Stamp{};
}

void Broker::commit(const Stamp& stamp, std::vector<EntryToCommit> entries, MonoTime deadline,
                    const CommitAnswer& answer) {
  // Without generation and member the request is a simple consumer's, which an empty group takes.
  const bool simple = stamp.generation < 0 && stamp.member_id.empty() && state_ == State::empty;
  const GroupError error = simple ? GroupError::none : check(stamp);
  std::vector<wire::ErrorCode> codes(entries.size(), code_of(error));
  if (error != GroupError::none) {
    verdict_.note("group: a commit of ", stamp.member_id, " in ", stamp.generation,
                  " is refused: ", name_of(error));
    answer(codes);
    return;
  }
  if (!simple) {
    members_.at(stamp.member_id).seen = clock_.now();
  }
  const bool refused = random_.chance(faults_[&FaultRates::commit_refused]);
  if (refused || (!simple && state_ == State::stable && clock_.now() < syncing_until_)) {
    answer(std::vector(entries.size(), wire::ErrorCode::rebalance_in_progress));
    return;
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].metadata.size() > cluster_.offset_metadata_max) {
      codes[i] = wire::ErrorCode::offset_metadata_too_large;
    }
  }
  if (random_.chance(faults_[&FaultRates::commit_partly])) {
    codes[random_.below(entries.size())] = wire::ErrorCode::topic_authorization_failed;
  }
  Accepted accepted{
      .entries = {}, .visible_at = clock_.now(), .answer = answer, .codes = codes, .stamp = stamp};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (codes[i] == wire::ErrorCode::none) {
      accepted.entries.push_back(std::move(entries[i]));
    }
  }
  if (random_.chance(faults_[&FaultRates::commit_visible_late])) {
    accepted.visible_at += random_.between(milliseconds(1), seconds(8));
  }
  look_at_pace(stamp, accepted.entries);
  accepted.visible_at = std::min(std::max(accepted.visible_at, held_until(accepted.entries)), deadline);
  for (const EntryToCommit& entry : accepted.entries) {
    last_commits_[entry.id] = accepted.visible_at;
  }
  for (Accepted& earlier : accepted_) {  // one log: what came first is seen first
    earlier.visible_at = std::min(earlier.visible_at, accepted.visible_at);
  }
  const MonoTime visible_at = accepted.visible_at;
  accepted_.push_back(std::move(accepted));
  agenda_.at(visible_at, [this] { make_visible(); });
}

MonoTime Broker::held_until(const std::vector<EntryToCommit>& entries) const {
  Duration held{};
  for (const EntryToCommit& entry : entries) {
    if (const auto last = last_commits_.find(entry.id); last != last_commits_.end()) {
      held = std::max(held, last->second + k_second_commit - clock_.now());
    }
  }
  return clock_.now() + std::min(held, held_max_);
}

void Broker::look_at_pace(const Stamp& stamp, const std::vector<EntryToCommit>& entries) const {
  for (const EntryToCommit& entry : entries) {
    const auto claim = claims_.find(entry.id);
    if (judges_pace_ && !is_claim(entry) && claim != claims_.end() &&
        claim->second.stamp.generation == stamp.generation &&
        claim->second.stamp.member_id == stamp.member_id &&
        clock_.now() < claim->second.at + k_second_commit) {
      verdict_.fail("group: a finish of ", entry.id.topic, "/", entry.id.partition.value,
                    " comes within a second of its claim");
    }
  }
}

void Broker::make_visible() {
  while (!accepted_.empty() && accepted_.front().visible_at <= clock_.now()) {
    const Accepted commit = std::move(accepted_.front());
    accepted_.pop_front();
    for (const EntryToCommit& each : commit.entries) {
      GroupEntry& entry = entries_[each.id];
      entry = {each.position, each.metadata, each.leader_epoch};
      if (is_claim(each)) {
        claims_[each.id] = {.at = clock_.now(), .stamp = commit.stamp};
      } else {
        claims_.erase(each.id);
      }
      on_entry(each.id, entry);
    }
    commit.answer(commit.codes);
  }
}

std::optional<GroupEntry> Broker::read(const TopicPartition& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace penstock::sim
