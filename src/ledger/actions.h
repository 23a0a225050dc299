// What the protocol asks its driver to do. The driver does them in the order given, and answers with the event of the
// same name.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <penstock/result.h>

#include "base/commit.h"
#include "base/types.h"
#include "ledger/claim_text.h"
#include "ledger/ledger.h"

namespace penstock::ledger {

// Names a question, so that its answer finds it, or is ignored when nobody waits for it any more. Never used twice.
using Ask = Strong<struct AskTag, std::uint64_t>;

struct ReadEntries {  // Source::read_entries -> entries_read()
  Ask ask;
  std::vector<PartitionSlot> slots;
};

// BlobStore::put_blob of an empty file with metadata tombstone=1, if the name is free; repeated by the driver
// until the store says which -> tombstone_put().
struct PutTombstone {
  Ask ask;
  PartitionSlot slot;
  std::string blob;
};

// BlobStore::get_properties, repeated until answered -> blob_read().
struct ReadBlob {
  Ask ask;
  PartitionSlot slot;
  std::string blob;
  Range range;  // what the blob lists for this partition, if it is the claimed one
};

struct Start {  // Source::fetch_from; the partition's records before it are forgotten
  PartitionSlot slot;
  Position position;
};

struct Hold {  // Source::hold
  PartitionSlot slot;
};

struct StopPartition {  // it is not read in this epoch; others go on
  PartitionSlot slot;
  Error error;
};

struct Notice {  // worth one line of the log
  std::string message;
};

enum class CommitKind : std::uint8_t { claim, finish, start_position };

// Source::commit, sent at once and once -> commit_answered(). A repeat is an action of its own with the same items.
struct Commit {
  Ask ask;
  CommitKind kind{};
  std::uint64_t epoch = 0;  // whose stamp it carries: the one that is held
  std::vector<CommitItem> items;
};

// Publish 5: now the blob may be committed, until the outcome is known -> blob_committed(). Goes on after the
// epoch has ended.
struct PutBlob {
  BatchKey batch;
};

// The batches are gone, open ones too: forget their bytes, send nothing more for them. Starts of the
// partitions that are read again follow.
struct Drop {
  std::vector<BatchKey> batches;
};

struct Released {};  // R2: the assignment may end now: Source::release

using Action = std::variant<ReadEntries, PutTombstone, ReadBlob, Start, Hold, StopPartition, Notice, Commit,
                            PutBlob, Drop, Released>;

}  // namespace penstock::ledger
