// `penstock replay`: what its command line means. Pure, but that a directory's links are followed.
//
// A replay is a run of its own over one topic: with its own group, stage and sink, and no admin port. All of
// these follow from the command line, so that the same line, run again, goes on where it stopped.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "appliance/log_place.h"
#include "base/types.h"
#include "config/settings.h"
#include "source/consumer_options.h"
#include "source/start_position.h"

namespace penstock::appliance {

struct ReplayRequest {
  std::string topic;
  // As LogPlace has them. Empty with `from_quarantine`, which takes their place.
  std::string from{};
  std::string to{};
  // A prefix in the container of sink.url, a directory's absolute path, or a whole URL.
  std::string into;
  // Empty: all of the topic.
  std::vector<std::int32_t> partitions{};
  bool from_quarantine = false;
};

struct ReplayPlan {
  // Of the replay, but for source.ranges.
  config::Settings settings;
  LogPlace from;
  LogPlace to;
  // The service, of this topic alone, where the records of its quarantine are read again, in place of `from`
  // and `to` (requeue.h).
  std::optional<config::Settings> quarantine_of{};
  std::vector<std::int32_t> partitions{};
  // Beside the replay's own group: its offsets are the ends of the ranges, its metadata their beginnings.
  std::string range_group;
};

// Error: the line cannot mean anything, or `into` and the service's files would be one in the other.
Result<ReplayPlan> plan_replay(const config::Settings& service, const ReplayRequest& request);

// What is known of a partition's log.
struct ReplayFacts {
  source::LogBounds log;
  Position from_time{};  // of Kind::time
  Position to_time{};    // likewise
};

// The positions of the range that the log has. `notes` gets what a person should know of it. Error: the log
// does not have the beginning any more, and source.on_data_loss is `stop`.
Result<Range> replay_range(const ReplayPlan& plan, const TopicPartition& id, const ReplayFacts& facts,
                           std::vector<std::string>& notes);

// The metadata that go with the end of a range in the range group: "r1;<first>".
std::string range_metadata(Range range);

// None: they are not such.
std::optional<Position> first_in_metadata(std::string_view metadata);

}  // namespace penstock::appliance
