// What /api/status says of a running instance: a snapshot, and its JSON. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "obs/status_history.h"
#include "obs/troubles.h"

namespace penstock::obs {

enum class StatusState : std::uint8_t { ready, waiting, draining };
std::string_view to_string(StatusState state);

struct PartitionStatus {
  std::int32_t partition = 0;
  std::int64_t position = 0;   // behind what was read
  std::int64_t committed = 0;  // everything before it is published
  std::optional<std::int64_t> log_end{};
  // Between what is published and the end of the log. None: the end is not known.
  std::optional<std::uint64_t> lag_records{};
  // How old the oldest record is that is not published. None: not known.
  std::optional<double> lag_seconds{};

  friend bool operator==(const PartitionStatus&, const PartitionStatus&) = default;
};

struct TopicStatus {
  std::string topic;
  // That this instance reads. Of many only the first are listed below.
  std::uint64_t partition_count = 0;
  // Of partitions whose end is known.
  std::uint64_t lag_records = 0;
  // The longest of its partitions.
  std::optional<double> lag_seconds{};
  // Every record that the logs took before it is published, of all these partitions. None: not known of one.
  std::optional<WallTime> landed_until{};
  // Offsets that were read, in the last half minute or so.
  double read_per_second = 0;
  // In published files, since the start.
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  // Records in the quarantine files beside these.
  std::uint64_t quarantined = 0;
  // When the last of them was seen to be published.
  std::optional<WallTime> last_file{};
  // The store refuses its files until a person acts.
  bool refused = false;
  std::vector<PartitionStatus> partitions{};

  friend bool operator==(const TopicStatus&, const TopicStatus&) = default;
};

struct WorkerStatus {
  std::uint32_t index = 0;
  // Seconds since its thread last went on. None: it is not there yet, or has ended.
  std::optional<double> silent_s{};
  std::uint64_t partitions = 0;
  std::uint64_t open_batches = 0;
  // Sealed, and not yet durable.
  std::uint64_t publishing_batches = 0;
  std::uint64_t requests_under_way = 0;
  std::uint64_t request_limit = 0;
  std::uint64_t stage_bytes = 0;
  std::string io_backend{};

  friend bool operator==(const WorkerStatus&, const WorkerStatus&) = default;
};

// How often something was done again, or refused, by its name: "throttled", "503 ServerBusy".
struct NamedCount {
  std::string name;
  std::uint64_t count = 0;

  friend bool operator==(const NamedCount&, const NamedCount&) = default;
};

struct ConfigurationLine {
  std::string key;
  std::string value;
  bool written = false;

  friend bool operator==(const ConfigurationLine&, const ConfigurationLine&) = default;
};

struct Status {
  std::string version;
  std::string name;
  WallTime now;
  WallTime start_time;

  StatusState state = StatusState::waiting;
  // What is in the way, in sentences. When it is ready: a note, or empty.
  std::string reason;
  // Since when the state is what it is.
  std::optional<WallTime> state_since{};

  std::vector<TopicStatus> topics{};
  // Beyond those that are listed.
  std::uint64_t partitions_left_out = 0;
  std::vector<WorkerStatus> workers{};

  std::uint64_t lag_records = 0;
  std::optional<double> lag_seconds{};  // the longest
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  std::uint64_t file_bytes = 0;
  std::optional<WallTime> last_file{};

  std::uint64_t stage_bytes = 0;
  std::uint64_t stage_limit = 0;
  double stage_full_s = 0;

  // Calls to the store that were made again, by what went wrong, and answers that asked to slow down.
  std::vector<NamedCount> retries{};
  std::vector<NamedCount> throttled{};
  std::uint64_t commit_failures = 0;
  std::uint64_t rebalances = 0;

  double cpu_seconds = 0;
  std::uint64_t memory_bytes = 0;

  std::vector<Trouble> troubles{};
  StatusHistory history{};
  std::vector<ConfigurationLine> configuration{};
};

// One line. Times are seconds since the epoch, and what is not known is null.
std::string status_json(const Status& status);

}  // namespace penstock::obs
