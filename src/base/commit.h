// One commit of a group's offsets, as those who ask for it and those who send it name it.
#pragma once

#include <optional>
#include <string>

#include <penstock/result.h>

#include "base/commit_outcome.h"
#include "base/types.h"

namespace penstock {

// What a commit says of one partition of the assignment.
struct CommitItem {
  PartitionSlot slot;
  Position position;

  // Empty, or a claim.
  std::string metadata;

  friend bool operator==(const CommitItem&, const CommitItem&) = default;
};

// The same as it is sent: a broker knows partitions by their names.
struct EntryToCommit {
  TopicPartition id;
  Position position;
  std::string metadata;
};

// What became of one commit, as a whole.
struct CommitReply {
  CommitOutcome outcome = CommitOutcome::unknown;

  // It was refused because this member does not belong to the group any more.
  bool membership_lost = false;

  // Set unless the outcome is done.
  std::optional<Error> error;
};

}  // namespace penstock
