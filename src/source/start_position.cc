#include "source/start_position.h"

#include <algorithm>

#include "base/concat.h"

namespace penstock::source {
namespace {

std::string what_happened(const TopicPartition& partition, Position wanted, const LogBounds& log) {
  return concat("topic ", partition.topic, ", partition ", partition.partition.value, ": position ",
                wanted.value, " is not in the log, which has ", log.start.value, " to ", log.end.value,
                wanted < log.start ? ": records were deleted before they were read (retention)"
                                   : ": the topic was created anew, or the log lost its end");
}

}  // namespace

StartDecision decide_start(const StartFacts& facts, StartAt start, OnDataLoss on_data_loss) {
  if (facts.committed) {
    const Position nearest =
        std::clamp(*facts.committed, facts.log.start, std::max(facts.log.start, facts.log.end));
    const bool lost = nearest != *facts.committed;
    const bool moves = lost && on_data_loss == OnDataLoss::go_on;
    return {.start = moves ? nearest : *facts.committed, .from_committed = true, .lost = lost};
  }
  switch (start) {
    case StartAt::earliest:
      return {.start = facts.log.start};
    case StartAt::latest:
      return {.start = facts.log.end};
    case StartAt::timestamp:
      return {.start = facts.at_time.value_or(facts.log.end)};
  }
  return {.start = facts.log.start};
}

Error data_loss_stop(const TopicPartition& partition, Position wanted, const LogBounds& log) {
  return make_error(ErrorKind::not_found, Action::fatal,
                    concat(what_happened(partition, wanted, log),
                           "; the partition stops. Set source.on_data_loss: continue to go on at the nearest "
                           "end, or set the group's offset by hand"),
                    "OFFSET_OUT_OF_RANGE");
}

Error data_loss_warning(const TopicPartition& partition, Position wanted, const LogBounds& log,
                        Position resumed) {
  return make_error(ErrorKind::not_found, Action::retry,
                    concat(what_happened(partition, wanted, log), "; going on at ", resumed.value,
                           ", as source.on_data_loss: continue says"),
                    "OFFSET_OUT_OF_RANGE");
}

Recovery recover_position(const TopicPartition& partition, Position wanted, const LogBounds& log,
                          OnDataLoss on_data_loss) {
  const StartDecision decision =
      decide_start({.committed = wanted, .log = log, .at_time = {}}, StartAt::earliest, on_data_loss);
  if (!decision.lost) {
    return {.next = decision.start};
  }
  if (decision.start < wanted || on_data_loss == OnDataLoss::stop) {
    return {.stop = data_loss_stop(partition, wanted, log), .next = wanted};
  }
  return {.next = decision.start, .warning = data_loss_warning(partition, wanted, log, decision.start)};
}

}  // namespace penstock::source
