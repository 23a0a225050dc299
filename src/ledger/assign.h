// Assign 2 to 5: what the entry of a partition says about where it starts. Pure functions of what was read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/group_entry.h"
#include "base/types.h"
#include "ledger/claim_text.h"

namespace penstock::ledger {

struct StartAtSource {};  // Assign 2: no entry: where source.start says

struct StartAt {  // Assign 3
  Position position;
  bool foreign = false;  // the metadata is another product's
};

struct AskAbout {  // Assign 4: a claim; its blob decides between `first` and `claim.next`
  Position first;
  Claim claim;
};

struct StopBecause {  // Assign 5; a predicate: "has a claim ..."
  std::string why;
};

using AssignAnswer = std::variant<StartAtSource, StartAt, AskAbout, StopBecause>;

// `sink` is our own.
AssignAnswer assign_by_entry(const std::optional<GroupEntry>& entry, std::string_view sink);

// What is at the claimed name, where a tombstone could not be put.
enum class FoundBlob : std::uint8_t {
  absent,
  tombstone,
  claimed_range,  // it lists the partition with exactly [first, next)
  other,
};

std::variant<StartAt, StopBecause> assign_by_blob(FoundBlob found, const AskAbout& question);

}  // namespace penstock::ledger
