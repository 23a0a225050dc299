#include "source/start_position.h"

#include <algorithm>
#include <string>

#include "base/concat.h"

namespace penstock::source {
namespace {

std::string what_happened(const TopicPartition& partition, const Loss& loss) {
  const std::string position = concat(named(partition), ": position ", loss.wanted.value);
  std::string not_there =
      concat(position, " is not in the log, which has ", loss.log.start.value, " to ", loss.log.end.value);
  switch (loss.kind) {
    case LossKind::deleted:
      return concat(not_there, ": records were deleted before they were read (retention)");
    case LossKind::end_lost:
      return concat(not_there, ": the topic was made anew, or the log lost its end");
    case LossKind::cut:
      return concat(position, " is not in this history of the log, which was cut at ", loss.cut_at.value,
                    " by an election or a failover: records that were read there are gone, and others may "
                    "have taken their place");
    case LossKind::made_anew:
      return concat(position,
                    " belongs to a former topic of this name, which was deleted and made anew; the "
                    "new log has ",
                    loss.log.start.value, " to ", loss.log.end.value);
  }
  return not_there;
}

}  // namespace

StartAt start_without_entry(StartAt option, const NewcomerFacts& facts) {
  if (option != StartAt::latest) {
    return option;
  }
  const bool group_is_new =
      !facts.group_has_its_topic && !(facts.topics_by_pattern && facts.group_has_any_topic);
  return group_is_new && !facts.appeared_later ? StartAt::latest : StartAt::earliest;
}

Error newcomers_begin_at_start(const TopicPartition& first, std::size_t count) {
  const std::string others = count > 1 ? concat(" and ", count - 1, " others are") : std::string(" is");
  return make_error(ErrorKind::not_found, Action::retry,
                    concat(named(first), others,
                           " new to a group that has been reading: beginning at the start of the log, as "
                           "source.start: latest is for a new group"),
                    "new partition");
}

StartDecision decide_start(const StartFacts& facts, StartAt start, OnDataLoss on_data_loss) {
  if (facts.committed) {
    const bool lost = loss_of(*facts.committed, facts.log).has_value();
    const bool moves = lost && on_data_loss == OnDataLoss::go_on;
    return {.start = moves ? facts.log.start : *facts.committed, .from_committed = true, .lost = lost};
  }
  switch (start_without_entry(start, facts.newcomer)) {
    case StartAt::earliest:
      return {.start = facts.log.start};
    case StartAt::latest:
      return {.start = facts.log.end};
    case StartAt::timestamp:
      return {.start = facts.at_time.value_or(facts.log.end)};
    case StartAt::given:
      return {.start = facts.given.value_or(facts.log.start)};
  }
  return {.start = facts.log.start};
}

std::optional<LossKind> loss_of(Position wanted, const LogBounds& log) {
  if (wanted < log.start) {
    return LossKind::deleted;
  }
  return wanted > log.end ? std::optional(LossKind::end_lost) : std::nullopt;
}

Position resumed_at(const Loss& loss) {
  return loss.kind == LossKind::cut ? std::max(loss.cut_at, loss.log.start) : loss.log.start;
}

Error data_loss_stop(const TopicPartition& partition, const Loss& loss) {
  return make_error(ErrorKind::not_found, Action::fatal,
                    concat(what_happened(partition, loss),
                           "; the partition stops. Set source.on_data_loss: "
                           "continue to go on at ",
                           resumed_at(loss).value, ", or set the group's offset by hand"),
                    "OFFSET_OUT_OF_RANGE");
}

Error data_loss_warning(const TopicPartition& partition, const Loss& loss) {
  return make_error(ErrorKind::not_found, Action::retry,
                    concat(what_happened(partition, loss), "; going on at ", resumed_at(loss).value,
                           ", as source.on_data_loss: continue says"),
                    concat("OFFSET_OUT_OF_RANGE of ", named(partition)));  // each partition's is told
}

Error perhaps_anew(const TopicPartition& partition, Position position, const LogBounds& log) {
  return make_error(
      ErrorKind::not_found, Action::retry,
      concat(named(partition), ": the brokers did not know the topic for a moment; its log has ",
             log.start.value, " to ", log.end.value, ", and reading goes on at ", position.value,
             ". If the topic was deleted and made anew, set the group's offset by hand"),
      concat("perhaps made anew: ", named(partition)));
}

}  // namespace penstock::source
