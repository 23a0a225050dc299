// `penstock replay`: what is asked of the cluster before it runs, and after.
//
//   plan_replay() ─► find_replay() ─► Appliance, with exit_at_end      the line, run
//                                 ─► verify_lake()                     with --verify
//                    forget_replay()                                   with --forget
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "appliance/replay_plan.h"
#include "base/types.h"
#include "config/settings.h"

namespace penstock::appliance {

struct FoundReplay {
  // Those of the plan, with source.ranges.
  config::Settings settings;
  // What a person should know of the ranges. Only of those that were found just now.
  std::vector<std::string> notes;
  // Positions in all ranges, and those that are landed and committed.
  // With --from-quarantine only those of the first and the last record count, and what lies between.
  std::uint64_t positions = 0;
  std::uint64_t landed = 0;
  // Of --from-quarantine, where it begins: records that are to be landed.
  std::optional<std::uint64_t> requeued{};

  bool is_done() const { return landed == positions; }
};

// begin: where no earlier run has written down the ranges, they are found and written down.
enum class FindReplay : std::uint8_t { begin, only_look };

// Blocks. Error: the brokers did not answer, or no; the topic or partition is not there; the beginning of
// the range has left the log (replay_range()); with only_look also that there is no such replay.
Result<FoundReplay> find_replay(const ReplayPlan& plan, FindReplay mode);

// Removes the group of the replay and its ranges: the same line lands all of it again. Its files stay.
// Blocks. Error: one of the groups stays, and why.
Result<void> forget_replay(const ReplayPlan& plan);

// The stage of a run that is done, and that nobody comes back for: a replay's, or that of set_offsets().
// Leaves alone what is not ours. Error: a file of it cannot be removed.
Result<void> remove_replay_stage(const config::Settings& settings);

}  // namespace penstock::appliance
