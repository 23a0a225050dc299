// How it works. Each part is made behind those that it uses. What cannot be made ends the building with its
// error.
//
// For example, chunks are kept in slabs and spilled to the stage: the pool and the stage come first, then the
// store of chunks, then the writer that fills them. The parts are destroyed in the opposite order.
#include "pipeline/worker_parts.h"

#include <utility>

#include "obs/log.h"
#include "pipeline/recovered_batch.h"

namespace penstock::pipeline {
namespace {

// What a factory made goes where it belongs.
template <class Part>
Result<void> keep(Result<std::unique_ptr<Part>> made, std::unique_ptr<Part>& place) {
  if (!made.ok()) {
    return std::move(made).error();
  }
  place = std::move(made).value();
  return {};
}

BatchWriter::Options cuts_of(const WorkerOptions& options, format::SchemaSource* schemas) {
  return {.slab_bytes = options.slab_bytes,
          .block_bytes = options.block_bytes,
          .group = options.group,
          .encoder_holds_bytes = options.encoder_holds_bytes,
          .schema_texts_bytes = options.schema_texts_bytes,
          .encoder_growth = options.encoder_growth,
          .schemas = schemas};
}

}  // namespace

Result<std::unique_ptr<WorkerParts>> WorkerParts::build(const WorkerOptions& options,
                                                        ledger::Protocol& protocol, const Clock& clock,
                                                        obs::WorkerMetrics& metrics, Events events) {
  auto parts = std::make_unique<WorkerParts>();
  Result<void> built = parts->build_memory(options, clock);
  if (!built.ok()) {
    return std::move(built).error();
  }
  parts->build_batching(options, protocol, clock, metrics, std::move(events.record_refused));
  built = keep(options.make_source(*parts->loop), parts->source);
  if (!built.ok()) {
    return std::move(built).error();
  }
  parts->build_claims(options, protocol, clock, metrics, std::move(events.claims));
  return parts;
}

// Whatever holds bytes.
Result<void> WorkerParts::build_memory(const WorkerOptions& options, const Clock& clock) {
  Result<void> made = keep(mem::SlabPool::create(options.slab_count, options.slab_bytes), pool);
  if (made.ok()) {
    made = keep(options.make_loop ? options.make_loop() : io::make_loop(options.loop, clock), loop);
  }
  if (!made.ok()) {
    return made;
  }
  loop->register_memory(pool->region());
  made = keep(stage::Stage::open(options.stage, *loop, clock), stage);
  if (!made.ok()) {
    return made;
  }
  chunks = std::make_unique<ChunkStore>(*pool, *stage, BatchWriter::reserve_for(cuts_of(options, nullptr)));
  made = keep(options.make_store(*loop), store);
  return made.ok() && options.make_schemas ? keep(options.make_schemas(*loop), schemas) : made;
}

// From records to blocks in the store.
void WorkerParts::build_batching(const WorkerOptions& options, ledger::Protocol& protocol, const Clock& clock,
                                 obs::WorkerMetrics& metrics,
                                 std::function<void(const Error&)> record_refused) {
  uploader = std::make_unique<Uploader>(
      Uploader::Options{.connections = options.connections,
                        .retry = options.retry,
                        .group = options.group,
                        .random_seed = options.random(),
                        .limit = options.request_limit,
                        .worker = options.index},
      *store, *chunks, *loop, clock, metrics,
      Uploader::Events{
          .stored = [this](const BatchPtr& batch) { driver->stored(batch); },
          .ticket = [this](const BatchPtr& batch,
                           const Result<Uploader::Publication>& result) { driver->ticket(batch, result); },
          .late = [this](const BatchPtr& batch) { driver->late(batch); }});
  writer = std::make_unique<BatchWriter>(
      cuts_of(options, schemas.get()), *chunks, metrics,
      [this](const BatchPtr& batch, std::uint32_t block) { uploader->upload(batch, block); });
  batcher = std::make_unique<Batcher>(
      *writer, protocol.ledger(), *loop, clock, metrics,
      Batcher::Options{.incarnation = options.random(),
                       .random_seed = options.random(),
                       .backlog_bytes_max = options.backlog_bytes},
      Batcher::Events{.sealed = [this](const BatchPtr& batch) { driver->sealed(batch); },
                      .refused = [refused = std::move(record_refused)](
                                     PartitionSlot, const Error& error) { refused(error); }});
  empty_windows = std::make_unique<EmptyWindows>(
      EmptyWindows::Options{
          .worker = options.index,
          .group = options.group,
          .retry = options.retry,
          .limit = options.request_limit,
          .random = options.random,
          .throttled = [this](const Error& error) { uploader->throttled_elsewhere(error); }},
      *store, *batcher, clock, metrics);
}

// What decides when a batch becomes a blob.
void WorkerParts::build_claims(const WorkerOptions& options, ledger::Protocol& protocol, const Clock& clock,
                               obs::WorkerMetrics& metrics, ClaimDriver::Events events) {
  names = std::make_unique<ClaimedNames>(
      ClaimedNames::Options{
          .retry = options.retry,
          .group = options.group,
          .random = options.random,
          .throttled = [this](const Error& error) { uploader->throttled_elsewhere(error); }},
      *store, *loop, metrics);
  driver = std::make_unique<ClaimDriver>(
      ClaimDriver::Options{.worker = options.index, .pins_start = options.pins_start}, protocol,
      ClaimDriver::Parts{.source = *source,
                         .uploader = *uploader,
                         .chunks = *chunks,
                         .batcher = *batcher,
                         .writer = *writer,
                         .names = *names},
      *loop, clock, metrics, std::move(events));
}

// What an earlier process left on the stage may be used again where it is exactly what would be read next:
// see Adoption. Without claims all of it is read again, and its place on the stage is free.
void WorkerParts::hand_over_recovered(const WorkerOptions& options, obs::WorkerMetrics& metrics) {
  const stage::Recovered& recovered = stage->recovered();
  for (const std::string& message : recovered.messages) {
    obs::log(obs::Level::warning, message, {{"worker", options.index}});
  }
  if (!recovered.chunks.empty()) {
    obs::log(obs::Level::info,
             options.stage.keep_recovered
                 ? "the stage holds chunks of an earlier run; where reading goes on they spare fetching"
                 : "the stage holds chunks of an earlier run; what of them was not published is read from "
                   "Kafka again",
             {{"worker", options.index}, {"chunks", recovered.chunks.size()}, {"bytes", recovered.bytes}});
  }
  if (options.stage.keep_recovered) {
    SortedOut sorted = sort_out(recovered.chunks);
    for (const stage::RecoveredChunk& chunk : sorted.unusable) {
      metrics.recovered_released_bytes.add(chunk.extent.payload_bytes);
    }
    chunks->release(sorted.unusable);
    driver->recovered(std::move(sorted.batches));
  }
  stage->forget_recovered();
}

}  // namespace penstock::pipeline
