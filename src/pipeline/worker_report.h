// What a worker tells others: metrics, the board of its partitions, why it is not ready, and warnings in the
// log. It looks at the parts and changes none.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "ledger/protocol.h"
#include "obs/log.h"
#include "obs/worker_metrics.h"
#include "pipeline/batch_writer.h"
#include "pipeline/worker_options.h"
#include "pipeline/worker_parts.h"
#include "source/source.h"

namespace penstock::pipeline {

// Why something is not ready: adds a sentence to others. The empty one adds nothing.
void append_reason(std::string& reasons, std::string_view reason);

class WorkerReport {
 public:
  // All outlive it.
  WorkerReport(const WorkerOptions& options, const ledger::Protocol& protocol, const Clock& clock,
               obs::WorkerMetrics& metrics);

  // Once, when every part is there: what the system granted.
  void tell_what_is_in_use(const WorkerParts& parts);

  // About once a second. `assignment` is that of the epoch, by slot.
  void refresh(const WorkerParts& parts, std::span<const source::Assigned> assignment);

  // A partition that has stopped keeps the worker from being ready until the assignment ends.
  void partition_failed(PartitionSlot slot, const Error& error);
  void partition_resumed(PartitionSlot slot) { failed_partitions_.erase(slot.value); }
  void forget_failed_partitions() {
    failed_partitions_.clear();
    waiting_partitions_.clear();
  }
  // The same for one of which nothing can be read for the time being.
  void partition_waits(PartitionSlot slot, const Error& error);
  void partition_goes_on(PartitionSlot slot) { waiting_partitions_.erase(slot.value); }
  // The source has met an error that passes. It counts until a broker answers, or until it is not told any
  // more.
  void source_failed(const Error& error);

  // From any thread: empty when the worker takes and ships records; otherwise what is in the way.
  std::string not_ready() const;
  // Until the next one, or the next refresh() that knows better.
  void set_not_ready(std::string reason);

 private:
  void copy_counters(const WorkerParts& parts);
  void refresh_board(const WorkerParts& parts, std::span<const source::Assigned> assignment);
  std::int64_t lag_ms(const WorkerParts& parts, const source::PartitionState& state) const;
  std::int64_t landed_until_ms(const WorkerParts& parts, const source::PartitionState& state) const;
  void tell_landed();
  struct ToldValues;
  void tell_values(obs::Level level, std::string_view message, const obs::Counter& counted,
                   const BatchWriter::Origin& last, ToldValues& told);
  void tell_trouble(const WorkerParts& parts);
  std::string trouble_with_brokers(const source::SourceCounters& source);
  std::string trouble_with_silence(const char* who, std::optional<MonoTime> since, obs::LogGate& gate);
  std::string trouble_with_topics(const WorkerParts& parts);
  void log_refusal(const std::string& topic, const Refusal& refusal, std::size_t topics) const;
  std::string trouble_with_schemas(const WorkerParts& parts);
  std::string trouble_with_uploads(const WorkerParts& parts);
  std::string trouble_with_stage(const WorkerParts& parts);

  const WorkerOptions& options_;
  const ledger::Protocol& protocol_;
  const Clock& clock_;
  obs::WorkerMetrics& metrics_;
  std::map<std::uint32_t, std::string> failed_partitions_;   // by slot
  std::map<std::uint32_t, std::string> waiting_partitions_;  // likewise
  struct SourceTrouble {
    std::string message;
    MonoTime told_at{};
  };
  std::optional<SourceTrouble> source_trouble_;
  std::set<std::string> refused_topics_;
  bool told_evicted_ = false;
  std::set<std::string> without_schema_;  // of the topics that wait for one, those that were told
  std::vector<source::PartitionState> states_;
  std::vector<obs::PartitionRow> rows_;
  // As of the last line about it.
  std::uint64_t told_files_ = 0;
  std::uint64_t told_records_ = 0;
  std::uint64_t told_bytes_ = 0;
  obs::LogGate landed_gate_{std::chrono::seconds(60)};
  struct ToldValues {
    std::uint64_t count = 0;
    obs::LogGate gate{std::chrono::seconds(60)};
  };
  ToldValues told_undecoded_;
  ToldValues told_conflicts_;
  obs::LogGate broker_silence_gate_{std::chrono::seconds(30)};
  obs::LogGate store_silence_gate_{std::chrono::seconds(30)};
  obs::LogGate upload_trouble_gate_{std::chrono::seconds(30)};
  obs::LogGate refused_topics_gate_{std::chrono::seconds(30)};
  obs::LogGate stage_trouble_gate_{std::chrono::seconds(30)};
  mutable std::mutex not_ready_mutex_;
  std::string not_ready_ = "starting";
};

}  // namespace penstock::pipeline
