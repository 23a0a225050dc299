// One commit of a group's offsets, as those who ask for it and those who send it name it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "base/commit_outcome.h"
#include "base/types.h"

namespace penstock {

// What a commit says of one partition of the assignment.
struct CommitItem {
  PartitionSlot slot;
  Position position;

  // Empty, or what ledger/claim_text.h draws.
  std::string metadata;

  // Behind the last record that the commit speaks of: the end of the range of a claim, else `position`. The
  // leader epoch that is committed is that of the record before it.
  Position covers = position;

  friend bool operator==(const CommitItem&, const CommitItem&) = default;
};

// The same as it is sent: a broker knows partitions by their names.
struct EntryToCommit {
  TopicPartition id;
  Position position;
  std::string metadata;

  // Of the last record before the position (KIP-320). -1: not known.
  std::int32_t leader_epoch = -1;
};

// What became of one partition of a commit.
struct ItemOutcome {
  CommitOutcome outcome = CommitOutcome::unknown;

  // Set unless the outcome is done.
  std::optional<Error> error;
};

// What became of one commit.
struct CommitReply {
  // One per item of the commit, in their order.
  std::vector<ItemOutcome> items;

  // Something was refused because this member does not belong to the group any more.
  bool membership_lost = false;

  // All of `count` items have the same outcome.
  static CommitReply alike(std::size_t count, CommitOutcome outcome, std::optional<Error> error = {}) {
    return {.items = std::vector<ItemOutcome>(count, ItemOutcome{outcome, std::move(error)}),
            .membership_lost = false};
  }

  // The outcome that decides about the commit as a whole, in the order unknown, refused, rejected, not done,
  // done.
  CommitOutcome worst() const {
    for (const CommitOutcome outcome :
         {CommitOutcome::unknown, CommitOutcome::refused, CommitOutcome::rejected, CommitOutcome::not_done}) {
      if (std::ranges::any_of(items,
                              [outcome](const ItemOutcome& item) { return item.outcome == outcome; })) {
        return outcome;
      }
    }
    return items.empty() ? CommitOutcome::unknown : CommitOutcome::done;
  }

  // The first error of an item with the worst outcome. Null: all is done.
  const Error* error() const {
    const auto failed = std::ranges::find_if(items, [worst = worst()](const ItemOutcome& item) {
      return item.outcome == worst && item.error.has_value();
    });
    return failed == items.end() ? nullptr : &*failed->error;
  }
};

}  // namespace penstock
