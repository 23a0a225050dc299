// How it works
//
// No module below sees the configuration. Each declares the plain options that it needs, and these functions
// fill them, so that a setting is followed from its key to its effect in two hops: settings.h, then here.
//
// How many workers there are comes first, since they share what the configuration gives to the whole process:
//
//   widest topic, CPUs, memory, stage ──► worker_count() ──► memory_plan() ──► worker_options()
//
// For example, 20 partitions of one topic on a machine with 16 CPUs, and the defaults otherwise (192 MiB of
// memory, a stage of 20 GiB, blocks of 8 MiB, 4 connections):
// 1. The partitions ask for 3 workers, one per 8 partitions. 200 topics of 5 partitions would ask for one:
//    what counts is the topic that has most.
// 2. Memory has room for 2. The process itself takes 24 MiB. A worker takes at least 66 MiB: 28 MiB for its
//    Kafka client, 8 MiB for batches that wait for the storage, 4 MiB for its connections, and 26 slabs of
//    1 MiB, which are two blocks and a little more.
// 3. The CPUs allow 16 and the stage 160. The least counts, so there are 2 workers.
// 4. memory_plan() shares out the 168 MiB that the process leaves: 84 MiB for each worker, of which 44 are
//    slabs.
// 5. worker_options() shares out the stage: 10 GiB each, in a directory of its own,
//    <stage.dir>/<name>/worker-0 and -1.
//
// With runtime.workers written there are no steps 1 to 3: config/validate.cc has checked that so many fit.
#include "appliance/wiring.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <utility>

#include <sched.h>

#include "appliance/fault_at.h"
#include "appliance/former_stages.h"
#include "appliance/name_check.h"
#include "appliance/wiring_store.h"
#include "base/concat.h"
#include "base/foreign_limits.h"
#include "codec/avro_shredder.h"
#include "codec/blob_name.h"
#include "codec/json_shredder.h"
#include "crypto/random.h"
#include "format/record_format.h"

namespace penstock::appliance {
namespace {

static_assert(config::k_slab_header_bytes == stage::k_chunk_header_bytes);

// One worker is enough for so many partitions of a topic, whatever they carry, before another core is worth
// its wake-ups.
constexpr std::size_t k_partitions_per_worker = 8;

// Of librdkafka, unless source.librdkafka says otherwise (rdkafka/client_properties.cc).
constexpr Duration k_session_timeout = std::chrono::seconds(30);

Duration session_timeout(const config::Settings& settings) {
  const auto written = settings.source.librdkafka.find("session.timeout.ms");
  if (written == settings.source.librdkafka.end()) {
    return k_session_timeout;
  }
  std::int64_t milliseconds = 0;
  const std::string& text = written->second.reveal();
  std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  return std::chrono::milliseconds(milliseconds);
}

std::shared_ptr<const format::ValueDecoding> value_decoding(const config::BatchSettings& batch) {
  const bool is_decoded =
      batch.format == config::Format::parquet ? batch.decodes_by_id() : batch.decode != config::Decode::none;
  return is_decoded ? std::make_shared<const format::ValueDecoding>(
                          format::ValueDecoding{batch.schema, batch.framing})
                    : nullptr;
}

// Of values that are to be columns. validate.cc has seen that there is a table, or a registry.
std::shared_ptr<const format::ShreddedValues> shredded_values(const config::BatchSettings& batch,
                                                              std::shared_ptr<format::TopicTable> table) {
  if (batch.decode == config::Decode::none || batch.format != config::Format::parquet) {
    return nullptr;
  }
  format::ShreddedValues values{
      .make_shredder = {},
      .framing = batch.framing,
      .recipe = concat(static_cast<int>(batch.decode), ",", static_cast<int>(batch.framing), ",",
                       batch.schema_by_id
                           ? (batch.columns == config::Columns::records ? "by id and record" : "by id")
                           : batch.value_schema->written)};
  if (batch.schema_by_id) {
    values.topic = std::make_shared<format::TopicColumns>(
        table ? std::move(table) : std::make_shared<format::TopicTable>(),
        batch.columns == config::Columns::records);
  } else if (batch.decode == config::Decode::avro) {
    values.make_shredder = [schema = batch.schema, made = batch.table()](auto room) {
      return codec::make_avro_shredder(schema, made, std::move(room));
    };
  } else {
    values.make_shredder = [made = batch.table()](auto room) {
      return codec::make_json_shredder(made, std::move(room));
    };
  }
  return std::make_shared<const format::ShreddedValues>(std::move(values));
}

}  // namespace

std::uint32_t allowed_cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) {
    return 1;
  }
  return static_cast<std::uint32_t>(std::max(CPU_COUNT(&cpus), 1));
}

Result<std::uint32_t> worker_count(const config::Settings& settings, std::uint32_t cpus,
                                   std::size_t partitions_of_widest) {
  if (settings.runtime.workers) {
    return *settings.runtime.workers;
  }
  const std::uint32_t fit =
      config::workers_that_fit(settings.runtime.memory, settings.sink.block_bytes, settings.sink.connections,
                               settings.source.topics.size(), config::encoder_memory(settings));
  const auto wanted = static_cast<std::uint32_t>((partitions_of_widest + k_partitions_per_worker - 1) /
                                                 k_partitions_per_worker);
  const std::uint32_t stage_fits = static_cast<std::uint32_t>(
      settings.stage.max_bytes / config::stage_bytes_min(1, settings.sink.block_bytes));
  return std::clamp(wanted, std::uint32_t{1}, std::max(std::min({cpus, fit, stage_fits}), std::uint32_t{1}));
}

Result<config::MemoryPlan> memory_plan(const config::Settings& settings, std::uint32_t workers) {
  Result<config::MemoryPlan> plan = config::plan_memory(
      settings.runtime.memory, workers, settings.sink.block_bytes, settings.sink.connections,
      settings.source.topics.size(), config::encoder_memory(settings));
  if (!plan.ok()) {
    return fault_at(settings, "runtime.memory", plan.error().message);
  }
  return plan;
}

Result<pipeline::TopicPlan> topic_plan(const config::Settings& settings, const std::string& topic,
                                       std::shared_ptr<format::TopicTable> table) {
  const config::BatchSettings& batch = settings.batch_for(topic);
  Result<codec::PathTemplate> path = path_template(settings, batch);
  if (!path.ok()) {
    return std::move(path).error();
  }
  if (const std::string fault = name_fault_of(settings, *path, topic); !fault.empty()) {
    return make_error(ErrorKind::invalid_input, Action::fatal,
                      concat("its files would have a name that ", fault,
                             "; write another batch.path, for this topic alone under overrides"));
  }
  pipeline::TopicPlan plan{.topic = topic,
                           .max_age = batch.max_age,
                           .min_bytes = batch.min_bytes,
                           .small_max_age = batch.small_max_age,
                           .max_bytes = batch.max_bytes,
                           .by_partition = batch.group_by == config::GroupBy::partition,
                           .empty_files = batch.empty_files && batch.format == config::Format::capture_avro,
                           .format = record_format(batch),
                           .envelope_fields = batch.envelope_fields,
                           .decoding = value_decoding(batch),
                           .shredded = shredded_values(batch, std::move(table)),
                           .path = std::move(path).value(),
                           .name_clock = batch.clock == config::BatchClock::record
                                             ? pipeline::NameClock::record
                                             : pipeline::NameClock::wall};
  pipeline::set_rules(plan, {.json = batch.validate == config::Validate::json,
                             .value_bytes_max = batch.max_record_bytes.value_or(0)});
  return plan;
}

Result<codec::PathTemplate> path_template(const config::Settings& settings,
                                          const config::BatchSettings& batch) {
  return codec::PathTemplate::parse(batch.path, config::namespace_of(settings.source));
}

format::RecordFormat record_format(const config::BatchSettings& batch) {
  switch (batch.format) {
    case config::Format::ndjson:
      return {.rows = format::RowFormat::lines, .compression = batch.compression};
    case config::Format::capture_avro:
      return {.rows = format::RowFormat::capture, .compression = batch.compression};
    case config::Format::parquet:
      return {
          .rows = format::RowFormat::parquet,
          .compression = batch.compression,
          .text_values = batch.decode == config::Decode::none && batch.validate == config::Validate::json};
    case config::Format::envelope:
      break;
  }
  return {.rows = format::RowFormat::envelope, .compression = batch.compression};
}

std::string stage_directory(const config::Settings& settings, std::uint32_t worker) {
  return concat(settings.stage.dir, "/", settings.name, "/worker-", worker);
}

pipeline::WorkerOptions worker_options(const config::Settings& settings, std::uint32_t worker,
                                       std::uint32_t workers, const config::MemoryPlan& memory) {
  pipeline::WorkerOptions options;
  options.index = worker;
  options.group = settings.source.group;
  options.slab_count = memory.slabs_per_worker;
  options.slab_bytes = memory.slab_bytes;
  options.block_bytes = settings.sink.block_bytes;
  if (config::writes_parquet(settings)) {
    const bool shreds = config::writes_tables(settings);
    options.encoder_holds_bytes = format::encoder_holds_max({.rows = format::RowFormat::parquet}, shreds);
    options.encoder_growth = format::encoder_growth_max(shreds);
  }
  options.schema_texts_bytes = memory.schema_texts_bytes;
  options.backlog_bytes = config::k_backlog_bytes;
  options.connections = settings.sink.connections;
  options.stage.dir = stage_directory(settings, worker);
  options.stage.bytes_max = settings.stage.max_bytes / workers;
  options.stage.segment_bytes = config::k_segment_bytes;
  options.stage.slab_bytes = memory.slab_bytes;
  options.loop = loop_options(settings);
  options.protocol = {.guarantee = settings.guarantee,
                      .sink = sink_identity(settings),
                      .fence_wait = settings.source.fence_wait};
  options.pins_start = settings.source.start != source::StartAt::earliest;
  options.drain_timeout = settings.drain_timeout;
  options.random = [] { return crypto::random_u64(); };
  return options;
}

Duration bounded_patience(const config::Settings& settings) {
  Duration longest_age = settings.batch.longest_age();
  for (const config::Override& entry : settings.overrides) {
    longest_age = std::max(longest_age, entry.batch.longest_age());
  }
  return std::max<Duration>(std::chrono::minutes(5), session_timeout(settings) + std::chrono::minutes(1)) +
         settings.source.fence_wait + longest_age +
         (config::uses_registry(settings) ? settings.registry.patience : Duration::zero());
}

io::LoopOptions loop_options(const config::Settings& settings) {
  return io::LoopOptions{.choice = settings.runtime.io};
}

obs::LogOptions log_options(const config::Settings& settings) {
  return obs::LogOptions{.level = settings.log.level, .format = settings.log.format};
}

std::string admin_address(const config::Settings& settings) {
  if (settings.admin.host.empty()) {
    return "none";
  }
  const bool v6 = settings.admin.host.find(':') != std::string::npos;
  return v6 ? concat("[", settings.admin.host, "]:", settings.admin.port)
            : concat(settings.admin.host, ":", settings.admin.port);
}

}  // namespace penstock::appliance
