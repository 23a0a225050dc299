// Where a partition starts, and where it goes on when its log does not have the position any more. Pure.
#pragma once

#include <cstdint>
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

// What is known of a partition that the group has no entry for.
struct NewcomerFacts {
  bool group_has_its_topic = false;  // an entry for another partition of its topic
  bool group_has_any_topic = false;  // an entry for any partition
  bool topics_by_pattern = false;    // source.topics is an expression, which finds topics that are new
  bool appeared_later = false;       // it did not exist when this process got its first assignment
};

// Where such a partition starts. `latest` is for a new group: what it has missed of a partition that appeared
// while it was reading is wanted, and begins at the log's start.
StartAt start_without_entry(StartAt option, const NewcomerFacts& facts);

// For the log: partitions begin at the start of their logs, though source.start is `latest`. `first` is one
// of the `count`.
Error newcomers_begin_at_start(const TopicPartition& first, std::size_t count);

// What the cluster said about one partition.
struct StartFacts {
  std::optional<Position> committed;  // none: the group has no entry
  LogBounds log;
  std::optional<Position> at_time;     // StartAt::timestamp: none when every record is older
  NewcomerFacts newcomer = {};         // without an entry
  std::optional<Position> given = {};  // StartAt::given: none when it is not named
};

struct StartDecision {
  Position start;
  bool from_committed = false;
  bool lost = false;  // `committed` is outside the log; with OnDataLoss::stop `start` is still `committed`

  friend bool operator==(const StartDecision&, const StartDecision&) = default;
};

// Never resets in silence: a committed position outside the log is `lost`, and moves to the log's start only
// with OnDataLoss::go_on.
StartDecision decide_start(const StartFacts& facts, StartAt start, OnDataLoss on_data_loss);

// How a position came not to belong to its log.
enum class LossKind : std::uint8_t {
  deleted,    // it lies before the log's start: retention was faster
  end_lost,   // it lies above the log's end: the log was cut, or the topic was made anew; nobody can tell
  cut,        // the log was cut below it (KIP-320), and other records may have taken the place
  made_anew,  // it belongs to a former topic of the same name
};

struct Loss {
  LossKind kind{};
  Position wanted;       // that does not belong to the log
  LogBounds log;         // as its leader tells it now
  Position cut_at = {};  // of `cut`: what lies before it is what was read
};

// None: the log has the position.
std::optional<LossKind> loss_of(Position wanted, const LogBounds& log);

// Where reading goes on with OnDataLoss::go_on: at the cut of a log that was cut, else at the log's start. A
// log that was made anew is read whole.
Position resumed_at(const Loss& loss);

// Stops a partition: names it, the position wanted, what became of the log, and what to do.
Error data_loss_stop(const TopicPartition& partition, const Loss& loss);

// A warning: the same, and where reading goes on.
Error data_loss_warning(const TopicPartition& partition, const Loss& loss);

// A warning: the topic was unknown for a moment, and nothing tells whether it was made anew. Reading goes on.
Error perhaps_anew(const TopicPartition& partition, Position position, const LogBounds& log);

}  // namespace penstock::source
