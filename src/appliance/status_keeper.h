// What /api/status needs beyond the numbers of now: rates, the last hour, and since when something is so.
//
// The thread that watches the workers looks about once a second. The admin server's thread asks for a status.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/types.h"
#include "config/settings.h"
#include "obs/status.h"
#include "obs/worker_metrics.h"

namespace penstock::appliance {

using Workers = std::span<const obs::WorkerMetrics* const>;

class StatusKeeper {
 public:
  // Of more partitions only the first are listed one by one.
  static constexpr std::size_t k_partitions_listed_max = 2000;

  // What the appliance knows itself.
  struct Told {
    obs::StatusState state = obs::StatusState::waiting;
    std::string reason;
    WallTime start_time;
  };

  explicit StatusKeeper(const config::Settings& settings);

  // Cheap: most of it is done once in a point of the history.
  void look(Workers workers, const Told& told, MonoTime now, WallTime wall_now);

  // From any thread.
  obs::Status status(Workers workers, const Told& told, MonoTime now, WallTime wall_now) const;

 private:
  using Positions = std::map<TopicPartition, std::int64_t>;
  struct Sample {
    MonoTime at;
    Positions positions;
  };
  struct FileMark {
    std::uint64_t files = 0;
    WallTime seen;
  };

  void look_at_files(Workers workers, WallTime wall_now);
  void look_at_rates(Workers workers, MonoTime now);
  void fill_topics(obs::Status& status, Workers workers, MonoTime now) const;

  const config::Settings& settings_;
  const std::vector<obs::ConfigurationLine> configuration_;

  mutable std::mutex mutex_;  // of what follows
  obs::StatusHistory history_;
  std::optional<Sample> older_;  // a quarter to half a minute old, once there is one
  std::optional<Sample> newer_;
  std::map<std::string, FileMark> files_;  // by topic
  obs::StatusState state_ = obs::StatusState::waiting;
  std::optional<WallTime> state_since_;
};

}  // namespace penstock::appliance
