// Where a partition starts, and where it goes on when its log does not have the position any more. Pure.
#pragma once

#include <optional>

#include <penstock/result.h>

#include "base/types.h"
#include "source/consumer_options.h"

namespace penstock::source {

// The positions a log can be read at: [start, end].
struct LogBounds {
  Position start;
  Position end;

  friend bool operator==(const LogBounds&, const LogBounds&) = default;
};

// What the cluster said about one partition.
struct StartFacts {
  std::optional<Position> committed;  // none: the group has no entry
  LogBounds log;
  std::optional<Position> at_time;  // StartAt::timestamp: none when every record is older
};

struct StartDecision {
  Position start;
  bool from_committed = false;
  bool lost = false;  // `committed` is outside the log; with OnDataLoss::stop `start` is still `committed`

  friend bool operator==(const StartDecision&, const StartDecision&) = default;
};

// Never resets in silence: a committed position outside the log is `lost`, and moves to the nearest end only
// with OnDataLoss::go_on.
StartDecision decide_start(const StartFacts& facts, StartAt start, OnDataLoss on_data_loss);

// Stops a partition: names it, the position wanted, the log's ends, and what to do.
Error data_loss_stop(const TopicPartition& partition, Position wanted, const LogBounds& log);

// A warning: the same, and where reading goes on.
Error data_loss_warning(const TopicPartition& partition, Position wanted, const LogBounds& log,
                        Position resumed);

// What becomes of a partition whose position is not in the log, while it is being read.
struct Recovery {
  // Set: the partition stops, and this says why.
  std::optional<Error> stop = {};

  // Otherwise reading goes on here.
  Position next;

  // Set: everything before `next` that was not read is lost, and this says so.
  std::optional<Error> warning = {};
};

// `log`: as its leader tells it now. That may have the position again, as a new leader's view of the end may
// be behind for a moment. Within an assignment a position never goes back: a log that lost its end stops
// until the next assignment.
Recovery recover_position(const TopicPartition& partition, Position wanted, const LogBounds& log,
                          OnDataLoss on_data_loss);

}  // namespace penstock::source
