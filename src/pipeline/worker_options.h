// What a worker is made of, as its owner decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "format/record_format.h"
#include "format/schema_source.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "ledger/protocol.h"
#include "pipeline/group_end.h"
#include "pipeline/request_limit.h"
#include "pipeline/retry_policy.h"
#include "pipeline/topic_plan.h"
#include "source/source.h"
#include "stage/stage.h"

namespace penstock::pipeline {

struct WorkerOptions {
  std::uint32_t index = 0;
  std::string group;
  std::size_t slab_count = 0;
  std::size_t slab_bytes = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t backlog_bytes = std::uint64_t{8} << 20;  // of sealed batches that wait for the storage
  // Of the formats that plan_for() may choose (format::encoder_holds_max).
  std::size_t encoder_holds_bytes = format::k_encoder_holds_max;
  // Texts of schemas that ids name, which open files of Parquet have.
  std::size_t schema_texts_bytes = std::size_t{8} << 20;
  std::size_t encoder_growth = 1;
  std::uint32_t connections = 4;
  // Shared by the workers of the process, and outlives them. Null: a worker adapts by itself alone.
  RequestLimit* request_limit = nullptr;
  stage::Options stage;  // but for keep_recovered, which follows from the guarantee
  io::LoopOptions loop;  // unless make_loop is given
  RetryOptions retry;
  Duration drain_timeout = std::chrono::seconds(20);  // for a revoke; how long a stop may take is the owner's
  bool exit_at_end = false;
  // With exit_at_end, shared by the workers of the process, and outlives them. Null: a worker knows only of
  // its own partitions.
  GroupEnd* group_end = nullptr;
  // With exit_at_end, on the worker's thread: at_end() or `group_end` may have changed. May be empty.
  std::function<void()> look_again;
  ledger::ProtocolOptions protocol;
  bool pins_start = false;  // source.start: latest, or a time

  // How batches of a topic are made. Asked once per topic. An Error stops the partitions of that topic, and
  // it is asked again at the next assignment.
  std::function<Result<TopicPlan>(const std::string& topic)> plan_for;
  // These are made on the worker's thread, on its loop.
  std::function<Result<std::unique_ptr<source::Source>>(io::Loop&)> make_source;
  std::function<Result<std::unique_ptr<lake::BlobStore>>(io::Loop&)> make_store;
  // Of plans that leave a value's schema to its id. Empty: there is no such plan.
  std::function<Result<std::unique_ptr<format::SchemaSource>>(io::Loop&)> make_schemas;
  std::function<Result<std::unique_ptr<io::Loop>>()> make_loop;  // empty: as `loop` says
  std::function<std::uint64_t()> random;  // seeds and the incarnation: from the system, or the simulator's
};

}  // namespace penstock::pipeline
