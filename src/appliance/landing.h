// Is everything in the lake that the logs took before a time? The brokers alone are asked: for the group's
// positions, and for the first record that is not in the lake.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "config/settings.h"
#include "rdkafka/landing_probe.h"
#include "rdkafka/record_probe.h"

namespace penstock::appliance {

struct PartitionLanding {
  Partition partition;
  // Everything before it is in the lake. None: the group has no position.
  std::optional<Position> committed;
  // It has landed when `committed` is here, and maybe before that: at the first record of the time, or at the
  // log's end where records lie beyond that one which may be of before the time.
  Position needed;
  // The time of the first record that has not landed, in the order of the log. None: not known.
  std::optional<WallTime> landed_until;
  // A clause for people, of a partition that has not landed.
  std::string what_is_missing;
};

struct TopicLanding {
  std::string topic;
  std::size_t partition_count = 0;
  // The earliest of its partitions. None: not known of one.
  std::optional<WallTime> landed_until;
  // Those that have not landed, the one that is furthest behind first. Empty: the topic has landed.
  std::vector<PartitionLanding> lagging;
};

struct LandingReport {
  // When it was asked.
  WallTime now;
  WallTime until;
  // Empty: no topic matches source.topics_regex.
  std::vector<TopicLanding> topics;

  // Everything has landed, and the time is over. Not so without a topic: a slip in the expression would look
  // like a window that is complete.
  bool landed() const;
};

using LandingFacts = std::map<TopicPartition, rdkafka::LandingFacts>;

// Where the first record is that has not landed, of the partitions that have one. Pure.
std::map<TopicPartition, Position> first_not_landed(const LandingFacts& facts);

struct Asked {
  WallTime until;
  // By the clock of this machine: before the first question, and after the last answer.
  WallTime begun;
  WallTime answered;
};

// `records`: those at first_not_landed(), as far as they could be read. A partition has landed when its
// `landed_until` is `until` or later. Pure.
LandingReport judge_landing(const LandingFacts& facts,
                            const std::map<TopicPartition, rdkafka::RecordProbe>& records,
                            const Asked& asked);

// Why it is not so, in one sentence about the topic that is furthest behind. Empty: it is so. Pure.
std::string landing_sentence(const LandingReport& report);

class Tokens;

// Asks, as often as one likes, with the logins that the configuration has.
class LandingQuestion {
 public:
  // `topics`: those alone; empty: all of the configuration. Error: of a login.
  static Result<LandingQuestion> open(const config::Settings& settings,
                                      const std::vector<std::string>& topics);

  // Asks the brokers, and blocks meanwhile. Error: they did not answer, or a topic that is named is not
  // there.
  Result<LandingReport> ask(WallTime until) const;

  // Leaves a marker (lake/landed_marker.h) for each of these topics: {"topic", "until", "group"}. One that is
  // there stays as it is. Error: of the store.
  Result<void> leave_markers(const std::vector<std::string>& topics, WallTime until) const;

 private:
  LandingQuestion(config::Settings settings, std::shared_ptr<const Tokens> tokens);

  config::Settings settings_;
  std::shared_ptr<const Tokens> tokens_;  // held, so that they are renewed between two questions
};

}  // namespace penstock::appliance
