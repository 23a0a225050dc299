// The one OffsetCommit of a worker that has no outcome yet, and its copies (PROTOCOL.md, R8).
//
// A commit is made once. Then it is only repeated, unchanged, until a copy of it has an outcome, or until it
// is given up (R4). A copy that got no answer may be processed later, over a newer commit. So if any copy is
// in doubt when the commit gets its outcome, the outcome comes with a time until which its partitions must
// stay quiet.
//
//   make ─► copy ─► answered: not_done, unknown ─► copy_due ─► copy ─► ... ─► answered: done, late, refused
//                └─► give_up: no outcome any more
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
    // How long a request that was sent may still be processed.
    Duration fence_wait{};
    // The pause between copies doubles from retry_min to retry_max.
    Duration retry_min{};
    Duration retry_max{};
  };

  enum class Outcome : std::uint8_t {
    // Every partition of it is committed.
    done,
    // The same, for a claim, but more than fence_wait / 2 after its first sending: not to be believed
    // (Publish 4).
    late,
    // Some partitions of it are not committed: `reply` says which, and why.
    refused,
  };

  // A commit that has its outcome, as it was made.
  struct Resolved {
    Outcome outcome{};
    CommitKind kind{};
    std::uint64_t epoch = 0;
    std::vector<CommitItem> items;
    CommitReply reply;
    // Of a claim whose batch was not dropped meanwhile.
    std::optional<BatchKey> batch;
    // R8: no other commit of its partitions before. None if no copy of it is in doubt.
    std::optional<MonoTime> quiet_until;
  };

  explicit CommitSlot(Options options) : options_(options) {}

  // No other commit may be made: one has no outcome, or the driver still owes the answer to one that was
  // given up.
  bool busy() const { return current_.has_value() || on_the_wire_; }

  // A commit has no outcome and is not given up.
  bool unresolved() const { return current_.has_value(); }

  // The batch that the unresolved commit claims. None: there is none, it is no claim, or its batch was
  // dropped.
  std::optional<BatchKey> claiming() const;

  // The kind of the unresolved commit. None if there is none.
  std::optional<CommitKind> kind() const;

  // Makes a commit. Only when not busy (CHECK). Nothing is sent before copy(). `batch` is what a claim
  // claims.
  void make(MonoTime now, CommitKind kind, std::uint64_t epoch, std::vector<CommitItem> items,
            std::optional<BatchKey> batch);

  // When the next copy is due, perhaps in the past. None while a copy waits for its answer, or without a
  // commit.
  std::optional<MonoTime> copy_due() const;

  // The next copy, which the caller sends now. Only when copy_due() has a time (CHECK for the commit itself).
  // The copy's answer is to name `ask`.
  Commit copy(MonoTime now, Ask ask);

  // Takes the answer to a copy, with an outcome for each of its items (CHECK). The commit if that gives it
  // its outcome, and the slot is free again. Nothing if a copy becomes due later, if the commit was given up,
  // or if nobody waits for this answer.
  std::optional<Resolved> answered(MonoTime now, Ask ask, CommitReply reply);

  // R4: no more copies. The answer to one that was sent is ignored, and until it comes the slot stays busy.
  void give_up() { current_.reset(); }

  // Its batch was dropped. The commit still needs its outcome, which now matters to its partitions only.
  void forget_batch();

 private:
  struct Current {
    CommitKind kind{};
    std::uint64_t epoch = 0;
    std::vector<CommitItem> items;
    std::optional<BatchKey> batch;
    MonoTime first_sent{};  // of the first copy that may have been applied, once `counting`
    MonoTime copy_at{};     // when the next copy is due
    std::uint32_t copies = 0;
    bool in_doubt = false;  // a copy's outcome is unknown
    bool counting = false;
  };

  Resolved resolve(Outcome outcome, CommitReply reply, MonoTime now);

  Options options_;
  std::optional<Current> current_;
  Ask ask_{};  // of the copy on the wire
  bool on_the_wire_ = false;
};

// How long to wait after so many failures in a row: retry_min after the first, doubling, at most retry_max.
Duration back_off(Duration retry_min, Duration retry_max, std::uint32_t failures);

}  // namespace penstock::ledger
