// What the protocol asks its driver to do.
//
// The driver carries actions out in the order given. An action with an `ask` is a question, and the driver
// answers it by the event that the action names, with that `ask`. Each question is answered at most once. An
// answer that comes when nobody waits for it any more (the epoch has ended) is ignored, so the driver need
// not look after that.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/commit.h"
#include "base/types.h"
#include "ledger/claim_text.h"
#include "ledger/ledger.h"

namespace penstock::ledger {

// Names a question, so that its answer finds it. Never used twice.
using Ask = Strong<struct AskTag, std::uint64_t>;

// Read what the group has committed for these partitions now: Source::read_entries. Answered by
// entries_read(), with one entry per partition in their order, or an error. Several may be under way.
struct ReadEntries {
  Ask ask;
  std::vector<TopicPartition> partitions;
};

// Put an empty file with the metadata tombstone=1 at this name, if the name is free (PROTOCOL.md, Assign 4).
// The driver repeats it until the store has said whether it was. Answered by tombstone_put().
struct PutTombstone {
  Ask ask;
  PartitionSlot slot;
  std::string blob;
};

// Read the metadata of the blob at this name, repeated by the driver until the store has answered. Answered
// by blob_read(): `claimed_range` if the blob lists this partition with exactly `range`.
struct ReadBlob {
  Ask ask;
  PartitionSlot slot;
  std::string blob;
  Range range;
};

// Hand over the partition's records from this position on: Source::fetch_from. Records of it that wait to be
// handed over are forgotten. It comes at the partition's start, and again after each Drop that has it.
struct Start {
  PartitionSlot slot;
  Position position;
};

// The position that the partition's entry, or the blob that it claims, gave is of an earlier topic of the
// same name: Source::distrust. moved() follows, or the source stops the partition.
struct Distrust {
  PartitionSlot slot;
  Position position;
};

// Hand over no more records of the partition until its next Start: Source::hold.
struct Hold {
  PartitionSlot slot;
};

// The partition is not read in this epoch. Others go on. The error is for the operator.
struct StopPartition {
  PartitionSlot slot;
  Error error;
};

// A partition that was stopped because its commits were rejected is read again: its Start follows.
struct Resume {
  PartitionSlot slot;
};

// Worth one line of the log.
struct Notice {
  std::string message;
};

// PROTOCOL.md: Publish 4, Publish 6, and the start positions of Publish 3.
enum class CommitKind : std::uint8_t { claim, finish, start_position };

// Send one OffsetCommit with the stamp of the assignment that is held: Source::commit. The driver sends it at
// once and once. A repeat is an action of its own, with the same items and another `ask`. Answered by
// commit_answered(). One at a time. `epoch` is the protocol's own count, for whoever traces.
struct Commit {
  Ask ask;
  CommitKind kind{};
  std::uint64_t epoch = 0;
  std::vector<CommitItem> items;
};

// The blob may be committed now (PROTOCOL.md, Publish 5). The driver repeats it until the outcome is known,
// also after the epoch has ended, and answers by blob_committed(). No try may begin after `until`. A driver
// that has no outcome by then, or that finds blocks of the blob gone from the store, stops trying and says
// put_is_late().
struct PutBlob {
  BatchKey batch;
  MonoTime until = MonoTime::max();
};

// The claim is not in the group's entries any more, so the blob must not be put. Ask whether an earlier try
// has made it. Answered by blob_committed(): published if our own blob is there, dead in every other case.
struct AskBlob {
  BatchKey batch;
};

// The batches are gone, open ones too. Forget their bytes, and send nothing more for them. The Starts of the
// partitions that are read again follow.
struct Drop {
  std::vector<BatchKey> batches;
};

// The assignment may end now: Source::release (PROTOCOL.md, R2).
struct Released {};

using Action = std::variant<ReadEntries, PutTombstone, ReadBlob, Start, Distrust, Hold, StopPartition, Resume,
                            Notice, Commit, PutBlob, AskBlob, Drop, Released>;

}  // namespace penstock::ledger
