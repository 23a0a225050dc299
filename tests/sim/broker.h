// A group's coordinator: generations, members and committed entries.
//
// Requests are processed when these functions are called. What travels to and fro, and what is lost on the
// way, is the affair of SimNetwork and SimMember. A commit that is accepted becomes visible, and is answered,
// later. Commits keep their order.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/commit.h"
#include "base/group_entry.h"
#include "base/types.h"
#include "sim/faults.h"
#include "sim/sim_clock.h"
#include "sim/sim_cluster.h"
#include "sim/sim_random.h"
#include "sim/verdict.h"
#include "wire/error_code.h"

namespace penstock::sim {

// Whose request it is.
struct Stamp {
  std::int32_t generation = -1;
  std::string member_id;
  std::string instance_id;  // empty: a dynamic member
};

struct GroupOptions {
  Duration session_timeout{};
  Duration rebalance_timeout{};
  Duration first_rebalance_delay{};
  bool round_robin = false;  // or range
};

enum class GroupError : std::uint8_t { none, unknown_member, illegal_generation, fenced_instance, rebalance };

struct JoinReply {
  GroupError error = GroupError::none;
  std::int32_t generation = -1;
  std::string member_id = {};
  std::vector<TopicPartition> partitions = {};
};

class Broker {
 public:
  // All outlive it.
  Broker(const SimClock& clock, Agenda& agenda, const Faults& faults, const Cluster& cluster,
         GroupOptions options, Random random, Verdict& verdict);

  // From now on time-outs are such that a group can live with them: longer than a drain, and a fence within
  // it.
  void be_patient();

  // Called for each entry at the moment it becomes visible.
  std::function<void(const TopicPartition&, const GroupEntry&)> on_entry;

  // An empty member_id: a new member, or with an instance_id the one that had it until now.
  void join(const Stamp& stamp, std::function<void(const JoinReply&)> answer);
  GroupError heartbeat(const Stamp& stamp);
  void leave(const std::string& member_id);

  // A code for each entry, in their order.
  using CommitAnswer = std::function<void(const std::vector<wire::ErrorCode>&)>;

  // From now on the second commit of a partition within a second is held back until it is over, as Event Hubs
  // does; but for so long at most.
  void hold_second_commits(Duration most) { held_max_ = most; }

  // From now on it is a violation to finish a partition within a second of its claim.
  void judge_pace() { judges_pace_ = true; }

  // Visible at `deadline` at the latest.
  void commit(const Stamp& stamp, std::vector<EntryToCommit> entries, MonoTime deadline,
              const CommitAnswer& answer);

  // The same member's stamp as the group has it by now. Nobody's, if it is out.
  Stamp stamp_of_now(const Stamp& stamp) const;

  // Members hear of partitions that are new or gone, and the group is rebalanced.
  void topics_changed();

  // The same member, in this generation, has the partition.
  bool owns(const Stamp& stamp, const TopicPartition& id) const;

  void set_entry(const TopicPartition& id, const GroupEntry& entry) { entries_[id] = entry; }
  void forget_entry(const TopicPartition& id) { entries_.erase(id); }
  std::optional<GroupEntry> read(const TopicPartition& id) const;
  bool has_entries() const { return !entries_.empty(); }

 private:
  enum class State : std::uint8_t { empty, preparing, stable };
  struct Member {
    std::string instance_id;
    MonoTime seen{};
    std::function<void(const JoinReply&)> joining;  // waits for the new generation
    std::vector<TopicPartition> partitions;
  };
  struct Accepted {
    std::vector<EntryToCommit> entries;
    MonoTime visible_at;
    CommitAnswer answer;
    std::vector<wire::ErrorCode> codes;
    Stamp stamp;
  };

  GroupError check(const Stamp& stamp) const;
  void join_anew(const Stamp& stamp, std::function<void(const JoinReply&)> answer);
  void replace(const std::string& old_id, std::function<void(const JoinReply&)> answer);
  void prepare();
  void complete_if_all_joined();
  void complete();
  void assign_partitions();
  void remove(const std::string& member_id);
  void expire_members();
  void make_visible();
  // When these entries become visible at the earliest.
  MonoTime held_until(const std::vector<EntryToCommit>& entries) const;
  void look_at_pace(const Stamp& stamp, const std::vector<EntryToCommit>& entries) const;

  const SimClock& clock_;
  Agenda& agenda_;
  const Faults& faults_;
  const Cluster& cluster_;
  GroupOptions options_;
  Random random_;
  Verdict& verdict_;

  State state_ = State::empty;
  std::int32_t generation_ = 0;
  std::uint64_t preparation_ = 0;
  MonoTime complete_not_before_{};
  MonoTime syncing_until_{};  // members of the new generation are not served yet
  std::uint64_t last_member_ = 0;
  std::map<std::string, Member> members_;
  std::map<std::string, std::string> instances_;  // to member ids
  std::deque<Accepted> accepted_;
  std::map<TopicPartition, MonoTime> last_commits_;  // when they become visible
  struct SeenClaim {
    MonoTime at;
    Stamp stamp;
  };
  std::map<TopicPartition, SeenClaim> claims_;  // that are in the entries
  Duration held_max_{};
  bool judges_pace_ = false;
  std::map<TopicPartition, GroupEntry> entries_;
};

}  // namespace penstock::sim
