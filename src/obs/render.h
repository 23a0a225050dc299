// The /metrics page: every number of every worker under its public name, and the process's own.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "obs/process.h"
#include "obs/token_metrics.h"
#include "obs/worker_metrics.h"

namespace penstock::obs {

// A partition has five lines, of some 80 bytes: 10,000 lines and less than a megabyte at most. Prometheus
// keeps a series for each, and takes 10,000 for many.
inline constexpr std::size_t k_partitions_shown_max = 2'000;

struct ProcessInfo {
  std::string version;

  // The deployment's, from the configuration.
  std::string name;
  WallTime start_time;

  // What /readyz says.
  bool ready = false;

  // process_usage(), read for this page.
  ProcessUsage usage;

  // One row for each side that shows a token of Entra.
  std::vector<TokenMetrics> tokens{};

  // Until when a signature is good, of each side ("source", "sink") that has one.
  std::vector<std::pair<std::string, WallTime>> credential_ends{};
};

// The whole page. From any thread. Names begin with penstock_, but for the process_ ones that every
// dashboard knows. A worker's numbers carry the label worker. Totals by topic are summed over the workers.
// A partition has one line: while it moves from one worker to another and both still list it, the row that
// is further on. What a worker that is late says of its partitions is out of date and left out: no lag is
// truer than an old one. With more partitions than `partitions_shown_max` the page has no line for any of
// them, and the lag by topic stays.
std::string render(std::span<const WorkerMetrics* const> workers, const ProcessInfo& process,
                   std::size_t partitions_shown_max = k_partitions_shown_max);

}  // namespace penstock::obs
