// The /metrics page: every number of every worker under its public name, and the process's own.
#pragma once

#include <span>
#include <string>

#include "base/clock.h"
#include "obs/process.h"
#include "obs/worker_metrics.h"

namespace penstock::obs {

struct ProcessInfo {
  std::string version;

  // The deployment's, from the configuration.
  std::string name;
  WallTime start_time;

  // process_usage(), read for this page.
  ProcessUsage usage;
};

// The whole page. From any thread. Names begin with penstock_, but for the process_ ones that every
// dashboard knows. A worker's numbers carry the label worker. Totals by topic are summed over the workers.
// A partition has one line: while it moves from one worker to another and both still list it, the row that
// is further on.
std::string render(std::span<const WorkerMetrics* const> workers, const ProcessInfo& process);

}  // namespace penstock::obs
