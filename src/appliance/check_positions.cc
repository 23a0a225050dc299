#include "appliance/check_positions.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>

#include "base/concat.h"
#include "ledger/claim_text.h"

namespace penstock::appliance {
namespace {

// Partitions that are named: of a topic that was made anew it is all of them.
constexpr std::size_t k_named_max = 10;

// Where the group goes on at the latest: behind the range of a claim, if its blob is there.
Position latest_start(const GroupEntry& entry) {
  const auto text = ledger::parse_metadata(entry.metadata);
  const auto* claim = std::get_if<ledger::Claim>(&text);
  return claim != nullptr ? std::max(entry.position, claim->next) : entry.position;
}

// Empty: the log has it.
std::string what_is_wrong(const GroupEntry& entry, const source::LogBounds& log) {
  if (latest_start(entry) < log.start) {
    return concat("the group's position ", latest_start(entry).value, " is below the log's start ",
                  log.start.value, ": the records between have left the log and were not landed");
  }
  if (entry.position > log.end) {
    return concat("the group's position ", entry.position.value, " is above the log's end ", log.end.value,
                  ": the topic was made anew, or its log lost its end");
  }
  return {};
}

std::string_view what_follows(source::OnDataLoss on_data_loss) {
  return on_data_loss == source::OnDataLoss::go_on
             ? "source.on_data_loss is continue: the service goes on with what the log has"
             : "the partition will not start: set the group's position by hand, or source.on_data_loss: "
               "continue";
}

}  // namespace

std::vector<CheckRow> check_positions(const rdkafka::ProbeReport& cluster, source::OnDataLoss on_data_loss) {
  const CheckSeverity severity =
      on_data_loss == source::OnDataLoss::go_on ? CheckSeverity::warning : CheckSeverity::fault;
  std::vector<CheckRow> rows;
  std::size_t more = 0;
  for (const auto& [id, entry] : cluster.committed) {
    const auto log = cluster.logs.find(id);
    std::string wrong = log == cluster.logs.end() ? std::string() : what_is_wrong(entry, log->second);
    if (wrong.empty()) {
      continue;
    }
    if (rows.size() == k_named_max) {
      ++more;
      continue;
    }
    rows.push_back({.name = "position",
                    .severity = severity,
                    .text = concat(named(id), ": ", wrong, ". ", what_follows(on_data_loss))});
  }
  if (more > 0) {
    rows.push_back(
        {.name = "position",
         .severity = severity,
         .text = concat("the same of ", more, more == 1 ? " more partition" : " more partitions")});
  }
  return rows;
}

CheckRow positions_gone(const std::string& group, const std::string& blob) {
  return {
      .name = "position",
      .severity = CheckSeverity::warning,
      .text = concat("the sink has files of ", group, ", such as ", blob,
                     ", and the group has no position. It expired (brokers keep positions for 7 days, "
                     "unless they are told otherwise), or it or the topic was deleted. A start reads from "
                     "source.start, and lands a second time what it finds there of the same topic. "
                     "penstock verify shows where the files end: set the group's positions to that before")};
}

}  // namespace penstock::appliance
