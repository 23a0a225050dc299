// The parts of a worker, built and torn down in one order.
//
//   records ─► Batcher ─► BatchWriter ─► ChunkStore
//                 │            └ block_ready ─► Uploader ─┐ stored, ticket
//                 └ sealed ───────► ClaimDriver ◄─────────┘
//
// At run time this is a circle: ClaimDriver calls Batcher and Uploader, and their events come back to it. The
// events are lambdas that look up `driver` in this struct when they run. They run from the loop, or while the
// worker or the driver calls a part. Two rules keep that safe, and they are kept here and nowhere else:
//
// - Nothing turns the loop until build() has returned, and nothing does once destruction has begun.
// - The members are declared in the order in which they are built, and so destroyed in the opposite one. The
//   driver goes first. The loop, and the pool whose slabs all others hold, go last.
#pragma once

#include <functional>
#include <memory>

#include <penstock/result.h>

#include "base/clock.h"
#include "format/schema_source.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "ledger/protocol.h"
#include "mem/slab_pool.h"
#include "obs/worker_metrics.h"
#include "pipeline/batch_writer.h"
#include "pipeline/batcher.h"
#include "pipeline/chunk_store.h"
#include "pipeline/claim_driver.h"
#include "pipeline/claimed_names.h"
#include "pipeline/empty_windows.h"
#include "pipeline/uploader.h"
#include "pipeline/worker_options.h"
#include "source/source.h"
#include "stage/stage.h"

namespace penstock::pipeline {

struct WorkerParts {
  // What the parts tell their worker.
  struct Events {
    ClaimDriver::Events claims;
    std::function<void(const Error&)> record_refused;  // a record that can never be taken
  };

  // On the worker's thread, which owns the loop and whatever waits on it. Options, protocol and metrics
  // outlive the parts. Error: a part cannot be made; those before it are gone again.
  static Result<std::unique_ptr<WorkerParts>> build(const WorkerOptions& options, ledger::Protocol& protocol,
                                                    const Clock& clock, obs::WorkerMetrics& metrics,
                                                    Events events);

  // Once, before the source is started: batches that an earlier process left on the stage go to the driver,
  // or their room is free.
  void hand_over_recovered(const WorkerOptions& options, obs::WorkerMetrics& metrics);

  std::unique_ptr<mem::SlabPool> pool;
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<stage::Stage> stage;
  std::unique_ptr<ChunkStore> chunks;
  std::unique_ptr<lake::BlobStore> store;
  std::unique_ptr<format::SchemaSource> schemas;  // null: nobody needs it
  std::unique_ptr<Uploader> uploader;
  std::unique_ptr<BatchWriter> writer;
  std::unique_ptr<Batcher> batcher;
  std::unique_ptr<EmptyWindows> empty_windows;
  std::unique_ptr<source::Source> source;
  std::unique_ptr<ClaimedNames> names;
  std::unique_ptr<ClaimDriver> driver;

 private:
  Result<void> build_memory(const WorkerOptions& options, const Clock& clock);
  void build_batching(const WorkerOptions& options, ledger::Protocol& protocol, const Clock& clock,
                      obs::WorkerMetrics& metrics, std::function<void(const Error&)> record_refused);
  void build_claims(const WorkerOptions& options, ledger::Protocol& protocol, const Clock& clock,
                    obs::WorkerMetrics& metrics, ClaimDriver::Events events);
};

}  // namespace penstock::pipeline
