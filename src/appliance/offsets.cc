// How it works. The worked case is the position 400 of "orders 0", with a claim of [400, 500), that is to
// become 100:
//
// 1. find_offsets() asks who is in the group. Somebody is: that is an error, as its next commit would replace
//    what is set here.
// 2. The entry is read, shown, and the person says yes.
// 3. set_offsets() joins the group with the settings of the service and a stage of its own. The entry is the
//    one that was shown, or the run ends.
// 4. Assign puts a tombstone at the claimed name, or finds that the blob is there. Either way nobody can
//    publish it later.
// 5. After the fence 100 is committed in this member's generation. The member leaves.
// 6. The entries are read once more. What is not as it was to be is an error.
#include "appliance/offsets.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <utility>
#include <variant>

#include <penstock/penstock.h>

#include "appliance/cluster_answers.h"
#include "appliance/fault_at.h"
#include "appliance/replay.h"
#include "appliance/tokens.h"
#include "appliance/whole_check.h"
#include "appliance/wiring_source.h"
#include "base/concat.h"
#include "config/names.h"
#include "ledger/claim_text.h"
#include "obs/log.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/scratch_group.h"

namespace penstock::appliance {
namespace {

constexpr std::chrono::milliseconds k_offsets_answer{10'000};
constexpr std::string_view k_run_suffix = "-offsets";
constexpr std::size_t k_members_named = 5;

Error wrong_offsets(std::string message) {
  return make_error(ErrorKind::invalid_input, Action::fatal, std::move(message),
                    std::string(k_configuration_fault));
}

config::Settings of_topic(const config::Settings& settings, const std::string& topic) {
  config::Settings one = settings;
  one.source.topics = {topic};
  one.source.topics_regex.clear();
  return one;
}

Result<void> no_members(const config::Settings& settings) {
  const auto members = rdkafka::group_members(kafka_options(settings, 0), k_offsets_answer);
  if (!members.ok()) {
    return members.error();
  }
  if (members->empty()) {
    return {};
  }
  std::string names;
  for (std::size_t i = 0; i < std::min(members->size(), k_members_named); ++i) {
    const rdkafka::GroupMember& member = (*members)[i];
    names += concat(i == 0 ? "" : ", ", member.client_id, " on ", member.host, " (", member.member_id, ")");
  }
  if (members->size() > k_members_named) {
    names += concat(" and ", members->size() - k_members_named, " more");
  }
  return make_error(ErrorKind::already_exists, Action::give_up,
                    concat("the group ", settings.source.group, " has ", members->size(),
                           members->size() == 1 ? " member: " : " members: ", names,
                           "; stop what reads with it. One with a name in source.instance, or that was "
                           "killed, stays until its session ends (30 s)"));
}

OffsetRow row_of(const TopicPartition& id, const source::LogBounds& log,
                 const rdkafka::ProbeReport& cluster) {
  OffsetRow row{.id = id, .log = log, .entry = std::nullopt};
  if (const auto entry = cluster.committed.find(id); entry != cluster.committed.end()) {
    row.entry = entry->second;
    const ledger::MetadataText text = ledger::parse_metadata(entry->second.metadata);
    if (const auto* claim = std::get_if<ledger::Claim>(&text)) {
      row.claimed_blob = claim->blob;
      row.claimed_to = claim->next;
    }
  }
  return row;
}

Result<std::vector<Position>> positions_of(const config::Settings& settings, const LogPlace& place,
                                           const std::vector<OffsetRow>& rows) {
  std::vector<Position> positions;
  if (place.kind != LogPlace::Kind::time) {
    return positions;
  }
  std::map<TopicPartition, source::LogBounds> logs;
  for (const OffsetRow& row : rows) {
    logs.emplace(row.id, row.log);
  }
  const Result<Tokens> tokens = Tokens::open_and_await(settings);
  if (!tokens.ok()) {
    return tokens.error();
  }
  const auto found =
      rdkafka::positions_at_time(kafka_options(settings, 0), logs, place.time, k_offsets_answer);
  if (!found.ok()) {
    return found.error();
  }
  for (const OffsetRow& row : rows) {
    positions.push_back(found->at(row.id));
  }
  return positions;
}

// What is not there after the run is said, whatever the run itself has said.
Result<void> all_set(const OffsetsPlan& plan) {
  const auto rows = read_offsets(plan.settings, plan.moves.front().row.id.topic);
  if (!rows.ok()) {
    return rows.error();
  }
  for (const OffsetsMove& move : plan.moves) {
    const auto row =
        std::ranges::find_if(*rows, [&](const OffsetRow& each) { return each.id == move.row.id; });
    if (row == rows->end() || !row->entry || row->entry->position != move.to || !row->claimed_blob.empty()) {
      return make_error(ErrorKind::canceled, Action::give_up,
                        concat(named(move.row.id), " was not set to ", move.to.value,
                               ": a member has joined the group meanwhile; stop it, and look with penstock "
                               "offsets show"));
    }
  }
  return {};
}

}  // namespace

std::uint64_t OffsetRow::lag() const {
  const Position at = entry ? std::clamp(entry->position, log.start, log.end) : log.start;
  return static_cast<std::uint64_t>(log.end.value - at.value);
}

Result<std::vector<OffsetRow>> read_offsets(const config::Settings& settings, const std::string& topic) {
  const Result<Tokens> tokens = Tokens::open_and_await(settings);
  if (!tokens.ok()) {
    return tokens.error();
  }
  const auto cluster =
      ask_cluster(topic.empty() ? settings : of_topic(settings, topic), Question::group, k_offsets_answer);
  if (!cluster.ok()) {
    return cluster.error();
  }
  std::vector<OffsetRow> rows;
  for (const auto& [id, log] : cluster->logs) {
    rows.push_back(row_of(id, log, *cluster));
  }
  return rows;
}

Result<OffsetsPlan> plan_offsets(const config::Settings& service, const OffsetsRequest& request,
                                 const LogPlace& place, const std::vector<OffsetRow>& rows,
                                 const std::vector<Position>& at_time) {
  for (const std::int32_t wanted : request.partitions) {
    if (std::ranges::none_of(rows, [&](const OffsetRow& row) { return row.id.partition.value == wanted; })) {
      return wrong_offsets(concat("--partition ", wanted, ": the topic ", request.topic, " has ", rows.size(),
                                  " partitions, from 0 on"));
    }
  }
  OffsetsPlan plan;
  plan.settings = of_topic(service, request.topic);
  std::map<TopicPartition, source::PositionMove> moves;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const OffsetRow& row = rows[i];
    if (!request.partitions.empty() &&
        std::ranges::find(request.partitions, row.id.partition.value) == request.partitions.end()) {
      continue;
    }
    const Position to =
        position_in(place, row.log, i < at_time.size() ? std::optional(at_time[i]) : std::nullopt);
    if (to < row.log.start || to > row.log.end) {
      return wrong_offsets(concat("--to ", to.value, ": ", named(row.id), " has offsets from ",
                                  row.log.start.value, " on, and ends at ", row.log.end.value));
    }
    if (!row.entry || row.entry->position != to || !row.claimed_blob.empty()) {
      plan.moves.push_back({.row = row, .to = to});
      moves.emplace(row.id, source::PositionMove{.seen = row.entry, .to = to});
    }
  }
  config::Settings& settings = plan.settings;
  settings.source.moves = std::move(moves);
  settings.source.instance = "none";
  settings.source.fetch = config::Fetch::direct;
  settings.runtime.workers = 1;
  settings.admin.host.clear();
  settings.log.level = obs::Level::error;
  settings.name = settings.name.substr(0, config::k_name_bytes_max - k_run_suffix.size());
  settings.name += k_run_suffix;
  if (Result<void> whole = check_whole(settings); !whole.ok()) {
    return std::move(whole).error();
  }
  return plan;
}

Result<OffsetsPlan> find_offsets(const config::Settings& service, const OffsetsRequest& request) {
  const Result<LogPlace> place = read_log_place("--to", request.to);
  if (!place.ok()) {
    return place.error();
  }
  const config::Settings settings = of_topic(service, request.topic);
  const auto rows = read_offsets(settings, request.topic);
  if (!rows.ok()) {
    return rows.error();
  }
  const auto at_time = positions_of(settings, *place, *rows);
  if (!at_time.ok()) {
    return at_time.error();
  }
  const Result<Tokens> tokens = Tokens::open_and_await(settings);
  if (!tokens.ok()) {
    return tokens.error();
  }
  if (Result<void> alone = no_members(settings); !alone.ok()) {
    return std::move(alone).error();
  }
  return plan_offsets(service, request, *place, *rows, *at_time);
}

Result<void> set_offsets(const OffsetsPlan& plan) {
  const Result<Summary> run = Appliance(Settings::of(plan.settings)).run({.exit_at_end = true});
  const Result<void> removed = remove_replay_stage(plan.settings);
  if (!run.ok()) {
    return run.error();
  }
  Result<void> set = all_set(plan);
  return set.ok() ? removed : set;
}

}  // namespace penstock::appliance
