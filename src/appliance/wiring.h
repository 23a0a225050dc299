// From the configuration to what each module asks for. Pure, but for wiring a store to its loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "config/memory_plan.h"
#include "config/settings.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "obs/log.h"
#include "pipeline/batch.h"
#include "pipeline/worker.h"
#include "source/consumer_options.h"
#include "source/source.h"

namespace penstock::appliance {

// What only the other modules can tell about a configuration that parsed: path templates and the names they give, the
// sink's URL and credential, the Kafka client's options. Error invalid_input, with file and line.
Result<void> check_whole(const config::Settings& settings);

// How many workers: as written, or one per 8 partitions, but no more than the CPUs allowed and no more than fit in memory.
Result<std::uint32_t> worker_count(const config::Settings& settings, std::uint32_t cpus,
                                   std::size_t partitions);

Result<config::MemoryPlan> memory_plan(const config::Settings& settings, std::uint32_t workers);

// Who reads from the brokers, and why.
struct FetchChoice {
  bool direct = true;
  std::string reason;  // a clause: "source.fetch: auto, and nothing asks for another"
};
FetchChoice fetch_choice(const config::Settings& settings);

// A worker's source, as fetch_choice() says. `end_marks`: with --exit-at-end.
Result<std::unique_ptr<source::Source>> make_source(
    const config::Settings& settings, std::uint32_t worker,
    const std::optional<std::map<TopicPartition, Position>>& end_marks, io::Loop& loop, const Clock& clock);

source::ConsumerOptions kafka_options(const config::Settings& settings, std::uint32_t worker);
Result<pipeline::TopicPlan> topic_plan(const config::Settings& settings, const std::string& topic);
Result<std::unique_ptr<lake::BlobStore>> make_store(const config::Settings& settings, io::Loop& loop,
                                                    const Clock& clock);
// The same to look at only: a directory is neither made nor written.
Result<std::unique_ptr<lake::BlobStore>> open_store_to_read(const config::Settings& settings, io::Loop& loop,
                                                            const Clock& clock);

// What a claim says about where its blob is, so that a successor with another sink does not look in the wrong place.
std::string sink_identity(const config::Settings& settings);

// Everything but the factories, the plans and the end marks.
pipeline::WorkerOptions worker_options(const config::Settings& settings, std::uint32_t worker,
                                       std::uint32_t workers, const config::MemoryPlan& memory);

io::LoopOptions loop_options(const config::Settings& settings);
obs::LogOptions log_options(const config::Settings& settings);

// "127.0.0.1:9464", "[::1]:9464", "none"
std::string admin_address(const config::Settings& settings);

}  // namespace penstock::appliance
