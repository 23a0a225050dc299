// Which record goes into which batch, and when a batch is complete: by age, by size, or because it must.
//
// One batch of a topic is open at a time (of a partition, where the plan says so); with more partitions than
// a batch may hold, they are divided into fixed groups with a batch each. The batcher knows shares and
// ranges, and owns `batch.ranges`; bytes are the BatchWriter's.
//
// While the storage is away, sealed batches wait for it, and each takes memory (backlog.h). When they take
// half of what they may, a batch is not sealed by age any more while the batch before it waits: it grows
// until it is full. When they take all of it, no record is taken.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "format/blob_metadata.h"
#include "io/loop.h"
#include "ledger/ledger.h"
#include "obs/worker_metrics.h"
#include "pipeline/backlog.h"
#include "pipeline/batch.h"
#include "pipeline/batch_writer.h"
#include "pipeline/record_ages.h"
#include "source/source.h"
#include "stage/chunk.h"

namespace penstock::pipeline {

// They fit into a blob's metadata, and into a chunk's header on the stage.
using format::k_partitions_per_batch_max;
static_assert(k_partitions_per_batch_max <= stage::k_partitions_per_batch_max);

class Batcher {
 public:
  struct Options {
    std::uint64_t incarnation = 0;
    std::uint64_t random_seed = 0;
    std::uint64_t backlog_bytes_max = 0;
  };
  // What the batcher tells its worker: plain events, completed in the worker's own time.
  struct Events {
    std::function<void(const BatchPtr&)> sealed;        // no record is added any more; it may hold none
    std::function<void(PartitionSlot, Error)> refused;  // a record that can never be taken
  };

  Batcher(BatchWriter& writer, ledger::Ledger& ledger, io::Loop& loop, const Clock& clock,
          obs::WorkerMetrics& metrics, const Options& options, Events events);
  ~Batcher();

  // A new assignment; `plans[slot]` belongs to `partitions[slot]`. Plans stay valid until end_epoch().
  void begin_epoch(std::span<const source::Assigned> partitions, std::span<const TopicPlan* const> plans);

  // What is taken of the partition from now on is of the topic with this id.
  void moved(PartitionSlot slot, const std::string& topic_id);

  // Whether take() may be called for the span now.
  enum class Admission : std::uint8_t {
    yes,
    backlog_full,  // sealed batches take all the memory that they may
    no_slab,       // the batch must be sealed first, and there are no slabs for that
  };
  Admission admit(const source::RecordSpan& span);

  // Takes records from the front; returns how many. Fewer than all: no slab was free, the backlog is full, or
  // the next one awaits its schema. Needs admit().
  std::size_t take(const source::RecordSpan& span);

  // Whether the record is not taken before its schema is known.
  bool awaits_schema(PartitionSlot slot, const RecordView& record) {
    const Group& group = group_of(slot);
    return writer_.awaits_schema(*group.plan, group.open.get(), record);
  }

  // A batch of its own for what an earlier process took of these partitions, all of one topic: without shares
  // and chunks yet, and never open. As the batches of a partition follow each other, those that are open are
  // sealed first; null: there are no slabs for that.
  BatchPtr begin_recovered(std::span<const PartitionSlot> slots);
  const TopicPlan& plan_of(PartitionSlot slot) const { return *group_of(slot).plan; }
  // Where what no blob tells of begins, just before what was received of the partition: Share::bare_from.
  std::optional<Position> bare_from(PartitionSlot slot) const;
  // That of the slot's batches: Batch::recipe_hash.
  std::uint64_t recipe_hash_of(PartitionSlot slot) const;

  // Since when no batch of the slot's has been open; none: one is. At first, since the epoch began.
  std::optional<MonoTime> quiet_since(PartitionSlot slot) const;
  // As of a batch that is opened now and never used again: no other file has this name.
  std::string name_of_empty_file(PartitionSlot slot);

  // Seals every open batch, as soon as there are slabs for it. Returns whether none is left open.
  bool seal_all(obs::SealReason reason);

  // Records wait and no slab is free: spills or seals what holds slabs open. `publishing`: sealed batches are
  // under way, which will free some without that.
  void relieve(bool publishing, bool stage_full);

  // Seals what is due by age, but for what waits for slabs or for the batch before it.
  void seal_due();

  // Forgets those of these batches that are open. Returns them for clean-up.
  std::vector<BatchPtr> drop(std::span<const ledger::BatchKey> keys);

  // Forgets the open batches, without sealing them. Returns them for clean-up.
  std::vector<BatchPtr> end_epoch();

  std::size_t open_count() const { return open_.size(); }
  const Backlog& backlog() const { return backlog_; }
  // Of the partitions of the epoch.
  RecordAges& record_ages() { return record_ages_; }

 private:
  struct Group {  // partitions that share a batch
    const TopicPlan* plan = nullptr;
    std::string topic_id;
    std::size_t partition_count = 0;
    BatchPtr open = nullptr;
    std::optional<ledger::BatchKey> sealed_last = std::nullopt;
    io::TimerId age_timer = io::TimerId::none;  // these two: of the open batch
    MonoTime opened{};
    MonoTime quiet_since{};  // unless one is open
  };
  // Whether an open batch is to be sealed by its age. when_large: once it has the plan's min_bytes.
  enum class Due : std::uint8_t { no, when_large, yes };
  struct Member {  // of a slot
    std::size_t group = 0;
    Partition partition;
    std::size_t share = 0;  // index into the open batch's shares, if share_of is that batch
    const Batch* share_of = nullptr;
  };

  using Taken = BatchWriter::Taken;

  const Group& group_of(PartitionSlot slot) const { return groups_[members_[slot.value].group]; }
  std::size_t group_for(const TopicPlan* plan, const std::string& topic_id);
  Taken append(Member& member, PartitionSlot slot, std::span<const RecordView> records);
  void pass_over(Member& member, const source::RecordSpan& span);
  BatchPtr make_batch(const Group& group);
  BatchPtr make_quarantine(const Batch& batch);
  std::string name_of(const Group& group, const BatchId& id, WallTime time) const;
  void begin_age(std::size_t group);
  bool is_due(std::size_t group, Due due) const;
  Batch& open_batch(Group& group);
  Share& share_of(Batch& batch, Member& member, PartitionSlot slot);
  void note_lost(Batch& batch, Partition partition, Range range);
  bool waits(const Group& group) const;
  std::uint64_t backlog_bytes(const Batch& batch) const;
  bool seal(std::size_t group, obs::SealReason reason);
  void report_refused(PartitionSlot slot, const Group& group, const Member& member, const RecordView& record);
  std::string random_hex();

  BatchWriter& writer_;
  ledger::Ledger& ledger_;
  io::Loop& loop_;
  const Clock& clock_;
  obs::WorkerMetrics& metrics_;
  Backlog backlog_;
  RecordAges record_ages_;
  std::uint64_t incarnation_;
  std::uint64_t next_counter_ = 1;
  std::mt19937_64 random_;
  Events events_;
  std::vector<Group> groups_;
  std::vector<Member> members_;      // by slot
  std::map<std::size_t, Due> open_;  // groups with an open batch
};

}  // namespace penstock::pipeline
