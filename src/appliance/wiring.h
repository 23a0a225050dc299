// From the configuration to what a worker, its loop, the log and the admin server are made with. Pure, but
// for allowed_cpus(). The source has its own wiring (wiring_source.h), and so has the store
// (wiring_store.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "codec/blob_name.h"
#include "config/memory_plan.h"
#include "config/settings.h"
#include "format/record_format.h"
#include "format/topic_table.h"
#include "io/loop.h"
#include "obs/log.h"
#include "pipeline/batch.h"
#include "pipeline/worker.h"

namespace penstock::appliance {

// The CPUs that this process may run on. At least one.
std::uint32_t allowed_cpus();

// How many workers: as written, or one per 8 partitions of the topic that has most, but no more than the CPUs
// allowed and no more than fit into memory and stage. At least one. A second worker would make a second file
// of every topic that both read, so many thin topics ask for no more workers than one of them does.
Result<std::uint32_t> worker_count(const config::Settings& settings, std::uint32_t cpus,
                                   std::size_t partitions_of_widest);

// What each of `workers` workers gets of runtime.memory. Error: invalid_input with file and line, and how
// much is needed.
Result<config::MemoryPlan> memory_plan(const config::Settings& settings, std::uint32_t workers);

// How a topic's batches are made: the general settings, or those of the first override that matches the
// topic. Error: the sink cannot hold the names of its files, or readers would not see them (name_check.h).
// check_whole() has ruled that out for the topics of source.topics. `table`: the columns of the topic, which
// all workers have in common where ids name the schemas. Null: it has its own.
Result<pipeline::TopicPlan> topic_plan(const config::Settings& settings, const std::string& topic,
                                       std::shared_ptr<format::TopicTable> table = nullptr);

// batch.path, with what `{namespace}` stands for. Errors as of PathTemplate::parse().
Result<codec::PathTemplate> path_template(const config::Settings& settings,
                                          const config::BatchSettings& batch);

// What such files are.
format::RecordFormat record_format(const config::BatchSettings& batch);

// Of worker number `worker`, and of no other process's.
std::string stage_directory(const config::Settings& settings, std::uint32_t worker);

// The options of worker number `worker` of `workers`, but for the factories, the plans and the end marks.
pipeline::WorkerOptions worker_options(const config::Settings& settings, std::uint32_t worker,
                                       std::uint32_t workers, const config::MemoryPlan& memory);

// How long a bounded run may stand still: a member that died is noticed meanwhile, and another instance
// publishes what it has.
Duration bounded_patience(const config::Settings& settings);

io::LoopOptions loop_options(const config::Settings& settings);
obs::LogOptions log_options(const config::Settings& settings);

// "127.0.0.1:9464", "[::1]:9464", "none"
std::string admin_address(const config::Settings& settings);

}  // namespace penstock::appliance
