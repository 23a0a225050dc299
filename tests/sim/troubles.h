// What can happen to the cluster, by name. A world has some of them and not others.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::sim {

enum class Trouble : std::uint8_t {
  leader_moves,        // another broker leads a partition, under a new epoch
  leaderless,          // nobody leads it for a while
  coordinator_moves,   // the group is kept by another broker, and for a while by none
  broker_restarts,     // connections break, and are refused; what it led moves
  new_partitions,      // a topic gets more, and the group hears of it later
  transactions,        // open for a while, then committed or aborted
  retention,           // records are deleted, perhaps before they were read; on_data_loss: continue
  throttling,          // brokers ask for pauses
  leave_mid_drain,     // a second signal while a worker drains
  exit_at_end,         // workers end by themselves at the ends of the logs
  strict_ending,       // the source takes it for a bug to be sent elsewhere while its assignment ends
  commits_refused,     // of one topic, from some time on, for good
  topic_deleted,       // for good
  topic_made_anew,     // deleted, and there again soon
  truncation,          // an unclean election cuts the end of a log off
  entries_beyond_end,  // the group's entries are from another life of the logs
  passing_refusal,     // reading a topic is not allowed for some seconds
  later_than_fence,    // commits arrive after everybody has forgotten them
  old_entries,         // the group's entries are older than the logs
  lake_tidied,         // somebody deletes empty files whose claims are gone
  logins,              // brokers ask for one, and what one logs in with ends, or is changed
  store_credential,    // the store takes no request for a while, as the credential has ended
  named_broker_away,   // the first broker is down until the troubles end, and others lead what it led
  no_leader_at_all,    // of the first partition, until the troubles end
  kept_sessions,       // no request comes behind the end of its session
};

struct TroubleName {
  Trouble trouble;
  std::string_view name;
  bool by_default;  // worlds have it by chance; otherwise only where a recipe asks for it
};
inline constexpr std::array k_troubles{
    TroubleName{Trouble::leader_moves, "leader_moves", true},
    TroubleName{Trouble::leaderless, "leaderless", true},
    TroubleName{Trouble::coordinator_moves, "coordinator_moves", true},
    TroubleName{Trouble::broker_restarts, "broker_restarts", true},
    TroubleName{Trouble::new_partitions, "new_partitions", true},
    TroubleName{Trouble::transactions, "transactions", true},
    TroubleName{Trouble::retention, "retention", true},
    TroubleName{Trouble::throttling, "throttling", true},
    TroubleName{Trouble::leave_mid_drain, "leave_mid_drain", true},
    TroubleName{Trouble::exit_at_end, "exit_at_end", true},
    TroubleName{Trouble::strict_ending, "strict_ending", true},
    TroubleName{Trouble::commits_refused, "commits_refused", false},
    TroubleName{Trouble::topic_deleted, "topic_deleted", false},
    TroubleName{Trouble::topic_made_anew, "topic_made_anew", false},
    TroubleName{Trouble::truncation, "truncation", false},
    TroubleName{Trouble::entries_beyond_end, "entries_beyond_end", false},
    TroubleName{Trouble::passing_refusal, "passing_refusal", false},
    TroubleName{Trouble::later_than_fence, "later_than_fence", false},
    TroubleName{Trouble::old_entries, "old_entries", false},
    TroubleName{Trouble::lake_tidied, "lake_tidied", false},
    TroubleName{Trouble::logins, "logins", true},
    TroubleName{Trouble::store_credential, "store_credential", true},
    TroubleName{Trouble::named_broker_away, "named_broker_away", false},
    TroubleName{Trouble::no_leader_at_all, "no_leader_at_all", false},
    TroubleName{Trouble::kept_sessions, "kept_sessions", false},
};

class Troubles {
 public:
  bool operator[](Trouble trouble) const { return set_[static_cast<std::size_t>(trouble)]; }
  void set(Trouble trouble, bool has = true) { set_[static_cast<std::size_t>(trouble)] = has; }
  void clear() { set_.reset(); }

 private:
  std::bitset<k_troubles.size()> set_;
};

}  // namespace penstock::sim
