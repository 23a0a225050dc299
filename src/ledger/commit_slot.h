// The one OffsetCommit of a worker that has no outcome yet, and its copies: rule R8.
//
// A commit is made once and then only repeated, unchanged, until a copy of it has an outcome, or it is given up (R4).
// A copy that got no answer may be processed later, over a newer commit; so once there is an outcome, and any copy
// was in doubt, its partitions stay quiet until fence_wait after the last copy.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/commit.h"
#include "base/commit_outcome.h"
#include "ledger/actions.h"

namespace penstock::ledger {

class CommitSlot {
 public:
  struct Options {
    Duration fence_wait{};
    Duration retry_min{};
    Duration retry_max{};
  };
  enum class Outcome : std::uint8_t {
    done,
    late,  // a claim that was accepted more than fence_wait/2 after its first sending: not to be believed
    refused,
  };
  struct Resolved {
    Outcome outcome{};
    CommitKind kind{};
    std::uint64_t epoch = 0;
    std::vector<CommitItem> items;
    std::optional<BatchKey> batch;        // of a claim
    std::optional<MonoTime> quiet_until;  // R8: for its partitions
  };

  explicit CommitSlot(Options options) : options_(options) {}

  // No other commit may be made: one has no outcome, or the driver still waits for the answer to one given up.
  bool busy() const { return current_.has_value() || on_the_wire_; }
  bool unresolved() const { return current_.has_value(); }
  // What it claims, if it is a claim.
  std::optional<BatchKey> claiming() const;

  // Makes a commit; not busy. It is then sent with copy().
  void make(MonoTime now, CommitKind kind, std::uint64_t epoch, std::vector<CommitItem> items,
            std::optional<BatchKey> batch);
  // A copy is due now, or at this time; none while one is on the wire.
  std::optional<MonoTime> copy_due() const;
  Commit copy(MonoTime now, Ask ask);

  // Nothing unless the answer gives the commit its outcome.
  std::optional<Resolved> answered(MonoTime now, Ask ask, CommitOutcome outcome);

  // R4: no more copies. The answer to one that is on the wire is ignored.
  void give_up() { current_.reset(); }
  // Its batch was dropped: the outcome matters to its partitions only.
  void forget_batch();
  std::optional<CommitKind> kind() const;

 private:
  struct Current {
    CommitKind kind{};
    std::uint64_t epoch = 0;
    std::vector<CommitItem> items;
    std::optional<BatchKey> batch;
    MonoTime first_sent{};
    MonoTime copy_at{};
    std::uint32_t copies = 0;
    bool in_doubt = false;  // a copy's outcome is unknown
    bool counting = false;  // first_sent is set
  };

  Resolved resolve(Outcome outcome, MonoTime now);

  Options options_;
  std::optional<Current> current_;
  Ask ask_{};  // of the copy on the wire
  bool on_the_wire_ = false;
};

// Doubling from retry_min to retry_max with the number of failures.
Duration back_off(Duration retry_min, Duration retry_max, std::uint32_t failures);

}  // namespace penstock::ledger
