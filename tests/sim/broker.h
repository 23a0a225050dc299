// Kafka from the outside: logs, and a group's coordinator with generations, members and committed entries.
//
// Requests are processed when these functions are called; what travels to and fro, and what is lost on the
// way, is the SimSource's affair. A commit that is accepted becomes visible, and is answered, later; commits
// keep their order.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/group_entry.h"
#include "base/types.h"
#include "sim/faults.h"
#include "sim/sim_clock.h"
#include "sim/sim_random.h"
#include "sim/verdict.h"
#include "source/source.h"

namespace penstock::sim {

struct LogRecord {
  Offset offset;
  std::int64_t timestamp_ms;
  std::string value;  // empty: a tombstone of a compacted topic
};
struct Log {
  std::deque<LogRecord> records;  // addresses are stable
  Position end{0};                // may lie behind a hole
};

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

struct EntryToCommit {
  TopicPartition id;
  GroupEntry entry;
};

class Broker {
 public:
  // All outlive it.
  Broker(const SimClock& clock, Agenda& agenda, const Faults& faults, GroupOptions options, Random random,
         Verdict& verdict);

  // From now on time-outs are such that a group can live with them: longer than a drain, and a fence within
  // it.
  void be_patient();

  std::map<TopicPartition, Log> logs;

  // Called for each entry at the moment it becomes visible.
  std::function<void(const TopicPartition&, const GroupEntry&)> on_entry;

  // An empty member_id: a new member, or with an instance_id the one that had it until now.
  void join(const Stamp& stamp, std::function<void(const JoinReply&)> answer);
  GroupError heartbeat(const Stamp& stamp);
  void leave(const std::string& member_id);

  // Visible at `deadline` at the latest.
  void commit(const Stamp& stamp, const std::vector<EntryToCommit>& entries, MonoTime deadline,
              std::function<void(const CommitReply&)> answer);

  std::optional<GroupEntry> read(const TopicPartition& id) const;

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
    std::function<void(const CommitReply&)> answer;
    CommitReply outcome;
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

  const SimClock& clock_;
  Agenda& agenda_;
  const Faults& faults_;
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
  std::map<TopicPartition, GroupEntry> entries_;
};

}  // namespace penstock::sim
