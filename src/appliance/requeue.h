// `penstock replay --from-quarantine`: which records of the service's quarantine are to be read again.
//
// What the service had committed before its sink was looked at is in files that the look has seen. So of each
// partition all records in quarantine below that position are known, and only they count: what lies behind it
// is for a later run of the same line. That is why a replay's position says what is done.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "appliance/replay_plan.h"
#include "base/group_entry.h"
#include "base/types.h"
#include "source/start_position.h"
#include "source/wanted_source.h"
#include "verify/interval_set.h"

namespace penstock::appliance {

// What is known of a partition.
struct RequeueFacts {
  source::LogBounds log;
  Position settled{};                // what the service had committed; 0: nothing
  std::optional<Position> landed{};  // the position of the replay's own group
};

struct RequeuedPartition {
  // From the lowest to behind the highest record in quarantine, those that are landed already included.
  Range range;
  // To be landed.
  std::vector<Range> wanted{};
  std::uint64_t waiting = 0;  // at or behind `settled`: for a later run
};

// `notes` gets what a person should know. Error: of what is to be landed something has left the log, and
// source.on_data_loss is `stop`. Pure.
Result<RequeuedPartition> requeue_partition(const ReplayPlan& plan, const TopicPartition& id,
                                            const verify::IntervalSet& quarantined, const RequeueFacts& facts,
                                            std::vector<std::string>& notes);

// The ranges of a run: `found` now, beside what was `written` down by an earlier one. What the replay has
// landed stays within them, also if its quarantine files are gone. Pure.
std::map<TopicPartition, Range> joined_ranges(const std::map<TopicPartition, Range>& written,
                                              const std::map<TopicPartition, Range>& found,
                                              const std::map<TopicPartition, GroupEntry>& landed);

struct Requeue {
  std::map<TopicPartition, Range> ranges{};  // of partitions with records in quarantine
  std::shared_ptr<const source::WantedOffsets> wanted{};
  std::uint64_t records = 0;  // in `wanted`
};

// Asks the service's group and sink. `landed`: what the replay's own group has committed. Whoever calls holds
// the tokens.
Result<Requeue> find_requeue(const ReplayPlan& plan, const std::map<TopicPartition, source::LogBounds>& logs,
                             const std::map<TopicPartition, GroupEntry>& landed,
                             std::vector<std::string>& notes);

}  // namespace penstock::appliance
