// What the entry of a partition says about where the partition starts (PROTOCOL.md, Assign 2 to Assign 5).
//
// Two pure functions: the first judges the entry. If that is a claim, the caller asks the store about the
// claimed name, and the second judges what is there. Positions outside of the log (Assign 6) are the source's
// to find.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/group_entry.h"
#include "base/types.h"
#include "ledger/claim_text.h"

namespace penstock::ledger {

// Assign 2: there is no entry. The partition starts where source.start says.
struct StartAtSource {};

// Assign 3: the entry's offset counts. `foreign`: its metadata are another product's, which is worth a log
// line.
struct StartAt {
  Position position;
  bool foreign = false;
  // Of the topic that the offset is of. Empty: not known.
  std::string topic_id = {};
  // What is in no blob before the offset.
  std::optional<Bare> bare = {};
};

// Assign 4: a pending claim. What is at its name decides between `first` and `claim.next`.
struct AskAbout {
  Position first;
  Claim claim;
};

// Assign 5: only a person can decide. `why` is a predicate, to be put behind the partition's name: "has a
// claim ...".
struct StopBecause {
  std::string why;
};

using AssignAnswer = std::variant<StartAtSource, StartAt, AskAbout, StopBecause>;

// Judges what was read of a partition; none: the group has committed nothing. `sink` is our own hash, and a
// claim of another one is a StopBecause. A read that failed must not come here: it never means "no entry".
AssignAnswer assign_by_entry(const std::optional<GroupEntry>& entry, std::string_view sink);

// What is at the claimed name, where a tombstone could not be put.
enum class FoundBlob : std::uint8_t {
  // Nothing, although the tombstone was refused because of it: somebody has deleted it in between.
  absent,
  // The tombstone of an earlier successor, or our own whose answer was lost.
  tombstone,
  // A blob that lists the partition with exactly [first, next).
  claimed_range,
  // Anything else.
  other,
};

// Tombstone: starts at `first`. Claimed range: starts at `next`. Otherwise a person must look.
std::variant<StartAt, StopBecause> assign_by_blob(FoundBlob found, const AskAbout& question);

}  // namespace penstock::ledger
