// From the configuration to what a worker, its loop, the log and the admin server are made with. Pure. The
// source has its own wiring (wiring_source.h), and so has the store (wiring_store.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <penstock/result.h>

#include "config/memory_plan.h"
#include "config/settings.h"
#include "io/loop.h"
#include "obs/log.h"
#include "pipeline/batch.h"
#include "pipeline/worker.h"

namespace penstock::appliance {

// How many workers: as written, or one per 8 partitions, but no more than the CPUs allowed and no more than
// fit into memory and stage. At least one.
Result<std::uint32_t> worker_count(const config::Settings& settings, std::uint32_t cpus,
                                   std::size_t partitions);

// What each of `workers` workers gets of runtime.memory. Error: invalid_input with file and line, and how
// much is needed.
Result<config::MemoryPlan> memory_plan(const config::Settings& settings, std::uint32_t workers);

// How a topic's batches are made: the general settings, or those of the first override that matches the
// topic. Error: its path is no template, which check_whole() has ruled out.
Result<pipeline::TopicPlan> topic_plan(const config::Settings& settings, const std::string& topic);

// The options of worker number `worker` of `workers`, but for the factories, the plans and the end marks.
pipeline::WorkerOptions worker_options(const config::Settings& settings, std::uint32_t worker,
                                       std::uint32_t workers, const config::MemoryPlan& memory);

io::LoopOptions loop_options(const config::Settings& settings);
obs::LogOptions log_options(const config::Settings& settings);

// "127.0.0.1:9464", "[::1]:9464", "none"
std::string admin_address(const config::Settings& settings);

}  // namespace penstock::appliance
