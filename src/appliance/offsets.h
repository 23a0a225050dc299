// `penstock offsets`: what a group has committed, and setting it.
//
// Setting is a run of the appliance whose source reads nothing (source/moving_source.h): a member of the
// group like any other, so that the claim protocol holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "appliance/log_place.h"
#include "base/group_entry.h"
#include "base/types.h"
#include "config/settings.h"
#include "source/start_position.h"

namespace penstock::appliance {

struct OffsetRow {
  TopicPartition id;
  source::LogBounds log;
  // None: the group has committed nothing.
  std::optional<GroupEntry> entry;

  // Of a claim that is pending: its blob, and the position behind its range.
  std::string claimed_blob = {};
  Position claimed_to{};

  // Of find_last_files(): empty where there is none. None: the sink was not looked at.
  std::optional<std::string> last_file = std::nullopt;

  // Offsets between the position and the log's end. Without an entry: all of the log.
  std::uint64_t lag() const;
};

// Of every partition of the configuration's topics, or of `topic` alone. Blocks. Error: the brokers did not
// answer, or no.
Result<std::vector<OffsetRow>> read_offsets(const config::Settings& settings, const std::string& topic);

struct OffsetsRequest {
  std::string topic;
  std::string to;
  // Empty: all of the topic.
  std::vector<std::int32_t> partitions;
};

struct OffsetsMove {
  OffsetRow row;
  Position to;
};

struct OffsetsPlan {
  // Of the run that sets them.
  config::Settings settings;
  // Partitions whose entry is something else than the position that is wanted.
  std::vector<OffsetsMove> moves;
};

// What is to be set. Pure, but for the check of the settings. `rows`: of the topic. `at_time`: of LogPlace's
// Kind::time, by the order of the rows. Error: a partition is not there, or its log does not have the offset.
Result<OffsetsPlan> plan_offsets(const config::Settings& service, const OffsetsRequest& request,
                                 const LogPlace& place, const std::vector<OffsetRow>& rows,
                                 const std::vector<Position>& at_time);

// The same of the cluster as it is. Blocks. Error: also that the group has members, which it names.
Result<OffsetsPlan> find_offsets(const config::Settings& service, const OffsetsRequest& request);

// Joins the group, settles claims, commits, leaves. Blocks for some seconds more than source.fence_wait.
// Error: what was not set, and why.
Result<void> set_offsets(const OffsetsPlan& plan);

}  // namespace penstock::appliance
