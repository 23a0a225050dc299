// Drives the claim protocol (ledger/PROTOCOL.md): tells it what happened, and carries out what it asks for.
// It decides nothing; what follows from what is ledger::Protocol's.
//
//   assigned, sealed, stored ─► Protocol ─► actions ─► Source, Uploader, ClaimedNames
//                                  ▲                               │
//                                  └──────────── answers ──────────┘
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/commit.h"
#include "io/loop.h"
#include "ledger/protocol.h"
#include "obs/log.h"
#include "obs/worker_metrics.h"
#include "pipeline/adoption.h"
#include "pipeline/batch.h"
#include "pipeline/batch_writer.h"
#include "pipeline/batcher.h"
#include "pipeline/chunk_store.h"
#include "pipeline/claimed_names.h"
#include "pipeline/uploader.h"
#include "source/source.h"

namespace penstock::pipeline {

class ClaimDriver {
 public:
  struct Options {
    std::uint32_t worker = 0;
    bool pins_start = false;  // source.start is not a place that stays where it is: latest, or a time
  };
  struct Events {
    std::function<void(PartitionSlot, const Error&)> partition_stopped;
    std::function<void(PartitionSlot)> partition_resumed;  // after partition_stopped
    std::function<void()> released;                        // the assignment may end now
    std::function<void(const Error&)> failed;              // only a person can mend it: the worker must end
  };
  // The parts it drives; all outlive it.
  struct Parts {
    source::Source& source;
    Uploader& uploader;
    ChunkStore& chunks;
    Batcher& batcher;
    BatchWriter& writer;
    ClaimedNames& names;
  };

  ClaimDriver(const Options& options, ledger::Protocol& protocol, const Parts& parts, io::Loop& loop,
              const Clock& clock, obs::WorkerMetrics& metrics, Events events);
  ~ClaimDriver();

  // What an earlier process left on the stage, before the first assignment.
  void recovered(std::vector<RecoveredBatch> batches) { adoption_.recovered(std::move(batches)); }

  // `left_out`: slots of which no record is to be fetched in this assignment.
  void assigned(std::span<const source::Assigned> partitions, std::set<PartitionSlot> left_out = {});
  // The source's events of the same names.
  void start_found(PartitionSlot slot, Position start);
  void moved(PartitionSlot slot, Position position, const std::string& topic_id);
  void revoked(MonoTime drain_deadline);
  void lost();

  // The Batcher's event: no record is added to the batch any more. It may hold none.
  void sealed(const BatchPtr& batch);
  // The Uploader's events.
  void stored(const BatchPtr& batch);
  void ticket(const BatchPtr& batch, const Result<Uploader::Publication>& result);
  void late(const BatchPtr& batch);

  // No record of these topics is fetched until a later call leaves them out. Of the assignment.
  void withhold(const std::set<std::string>& topics);

  // Carries out what is due. Called once a turn, before records are handed over.
  void run();

  // Everything that was read is published and committed, and no claimed batch of an earlier assignment is
  // under way.
  bool settled() const { return protocol_.settled() && batches_.empty(); }
  std::size_t publishing_count() const { return batches_.size(); }

  // Ends: forgets what is under way.
  void abandon_all();

 private:
  void perform(ledger::ReadEntries& action);
  void perform(ledger::PutTombstone& action);
  void perform(ledger::ReadBlob& action);
  void perform(ledger::Start& action);
  void perform(ledger::Distrust& action);
  void perform(ledger::Hold& action);
  void perform(ledger::StopPartition& action);
  void perform(ledger::Resume& action);
  void perform(ledger::Notice& action);
  void perform(ledger::Commit& action);
  void perform(ledger::PutBlob& action);
  void perform(ledger::AskBlob& action);
  void perform(ledger::Drop& action);
  void perform(ledger::Released& action);

  bool adopt(const RecoveredBatch& recovered, std::span<const PartitionSlot> slots);
  void give_up(const RecoveredBatch& recovered);
  bool settle_adoption();

  void stored_if_whole(const Batch& batch);
  void quarantine_ticket(const BatchPtr& batch, const Result<Uploader::Publication>& result);
  void tell_quarantine(const Batch& batch);

  void on_commit_answer(ledger::Ask ask, std::size_t partitions, const CommitReply& answer);
  void observe_age(const Batch& batch);
  void published(const BatchPtr& batch);
  void count_publishing();
  void set_wake_up();

  const Options options_;
  ledger::Protocol& protocol_;
  Parts parts_;
  io::Loop& loop_;
  const Clock& clock_;
  obs::WorkerMetrics& metrics_;
  const Events events_;
  std::vector<TopicPartition> partitions_;  // of the assignment, by slot
  std::set<PartitionSlot> left_out_;
  std::set<PartitionSlot> fetched_;   // that the protocol has started, and not held since
  std::set<PartitionSlot> withheld_;  // of them or not: the source is not asked for these
  Adoption adoption_;
  std::map<ledger::BatchKey, BatchPtr> batches_;  // sealed, and neither published nor dropped
  io::TimerId wake_timer_ = io::TimerId::none;
  std::optional<MonoTime> wake_at_;
  obs::LogGate commit_trouble_gate_{std::chrono::seconds(30)};
  // These may be told of each of many batches at once.
  obs::LogGate unusable_gate_{std::chrono::seconds(30)};
  obs::LogGate dead_gate_{std::chrono::seconds(30)};
  obs::LogGate drop_gate_{std::chrono::seconds(30)};
  obs::LogGate late_claim_gate_{std::chrono::seconds(30)};
  obs::LogGate tombstone_gate_{std::chrono::seconds(30)};
  std::map<std::string, obs::LogGate> quarantine_gates_;  // by topic
};

}  // namespace penstock::pipeline
