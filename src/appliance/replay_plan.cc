// How it works. The worked case is
//
//   penstock replay --topic orders --from 2026-01-30T00:00:00Z --to 2026-01-31T00:00:00Z --into replayed
//
// with the configuration of a service named "web", of the group "penstock-web" and the sink .../lake/raw:
//
// 1. `replayed` is a prefix in the container: the sink becomes .../lake/replayed. Neither it nor .../lake/raw
//    lies in the other, or whoever reads one of them would read records twice.
// 2. Topic, times, partitions and sink are hashed to 8 digits, say 5f1c09ab. The group is
//    penstock-web-replay-5f1c09ab, and the stage is in web-replay-5f1c09ab beside that of the service.
// 3. The first run asks where the two times are in each partition, say 500 and 900, and commits in
//    penstock-web-replay-5f1c09ab-range the offset 900 with the metadata "r1;500". Every later run reads that
//    in place of asking: retention may have moved the answers meanwhile, and `end` moves anyway.
#include "appliance/replay_plan.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "appliance/fault_at.h"
#include "appliance/name_check.h"
#include "appliance/whole_check.h"
#include "appliance/wiring_store.h"
#include "azure/endpoint.h"
#include "base/concat.h"
#include "base/hex.h"
#include "config/addresses.h"
#include "config/names.h"
#include "config/topic_pattern.h"
#include "crypto/hash.h"

namespace penstock::appliance {
namespace {

constexpr std::string_view k_range_suffix = "-range";
constexpr std::string_view k_range_version = "r1;";
constexpr std::size_t k_id_bytes = 4;

Error wrong(std::string message) {
  return make_error(ErrorKind::invalid_input, Action::fatal, std::move(message),
                    std::string(k_configuration_fault));
}

std::string without_slashes(std::string_view path) {
  while (path.starts_with('/')) {
    path.remove_prefix(1);
  }
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return std::string(path);
}

// The whole URL of what was written for --into. Error: it cannot be one.
Result<std::string> into_url(const config::SinkSettings& service, const std::string& into) {
  if (into.find("://") != std::string::npos || into == "null:") {
    return into;
  }
  if (service.kind == config::SinkKind::azure) {
    const Result<azure::Endpoint> endpoint = azure::parse_endpoint(service.url);
    if (!endpoint.ok()) {
      return endpoint.error();
    }
    const std::string prefix = without_slashes(into);
    if (prefix.empty()) {
      return wrong("--into is empty; write a prefix in the container of sink.url, or a whole URL");
    }
    return concat(endpoint->origin, endpoint->base_path, "/", endpoint->container, "/", prefix);
  }
  if (!into.starts_with('/')) {
    return wrong(concat("--into ", into, " is no absolute path; write one, or a whole URL"));
  }
  return concat("file://", into);
}

// Two sinks with the same root can lie one in the other, by their paths.
struct Place {
  std::string root;
  std::string path;
};

std::optional<Place> place_of(const config::SinkSettings& sink) {
  if (sink.kind == config::SinkKind::azure) {
    const Result<azure::Endpoint> endpoint = azure::parse_endpoint(sink.url);
    return endpoint.ok() ? std::optional(Place{.root = concat(endpoint->account, "/", endpoint->container),
                                               .path = endpoint->prefix})
                         : std::nullopt;
  }
  if (sink.kind == config::SinkKind::directory) {
    std::error_code unknown;
    const auto real = std::filesystem::weakly_canonical(sink.directory, unknown);
    const auto path = unknown ? std::filesystem::path(sink.directory).lexically_normal() : real;
    return Place{.root = "/", .path = without_slashes(path.string())};
  }
  return std::nullopt;
}

bool lies_in(const std::string& inner, const std::string& outer) {
  return outer.empty() || inner == outer || inner.starts_with(outer + "/");
}

Result<config::SinkSettings> replay_sink(const config::SinkSettings& service, const std::string& into) {
  Result<std::string> url = into_url(service, into);
  if (!url.ok()) {
    return std::move(url).error();
  }
  config::SinkSettings sink = service;
  if (const config::Complaint complaint = config::read_sink_url(*url, sink); !complaint.empty()) {
    return wrong(concat("--into ", complaint));
  }
  if (sink.kind == config::SinkKind::azure) {
    if (const Result<azure::Endpoint> endpoint = azure::parse_endpoint(sink.url); !endpoint.ok()) {
      return wrong(concat("--into ", into, ": ", endpoint.error().message));
    }
  }
  const std::optional<Place> ours = place_of(sink);
  const std::optional<Place> its = place_of(service);
  if (ours && its && ours->root == its->root &&
      (lies_in(ours->path, its->path) || lies_in(its->path, ours->path))) {
    return wrong(
        concat("--into ", into,
               " is where sink.url puts the service's files, or one lies in the other: whoever reads "
               "those would read records twice; write another prefix, or the URL of another "
               "container"));
  }
  return sink;
}

// Eight digits that are the same for the same replay, and others for another.
std::string id_of(const ReplayPlan& plan, const std::string& topic) {
  const std::string range =
      plan.quarantine_of ? "from-quarantine" : concat(to_text(plan.from), "\n", to_text(plan.to));
  std::string text = concat(topic, "\n", range, "\n", sink_identity(plan.settings));
  for (const std::int32_t partition : plan.partitions) {
    text += concat("\n", partition);
  }
  return to_hex(Bytes(crypto::sha256(as_bytes(text))).first(k_id_bytes));
}

// `text` and the suffix, in at most so many bytes.
std::string with_suffix(const std::string& text, std::string_view suffix, std::size_t bytes_max) {
  return text.substr(0, bytes_max - suffix.size()) + std::string(suffix);
}

Result<void> read_places(const ReplayRequest& request, ReplayPlan& plan) {
  if (request.from.empty() != request.to.empty() || request.from.empty() != request.from_quarantine) {
    return wrong(
        "a range has both --from and --to; the records of the quarantine have --from-quarantine alone");
  }
  if (request.from_quarantine) {
    return {};
  }
  const Result<LogPlace> from = read_log_place("--from", request.from);
  const Result<LogPlace> to = read_log_place("--to", request.to);
  if (!from.ok() || !to.ok()) {
    return from.ok() ? to.error() : from.error();
  }
  plan.from = *from;
  plan.to = *to;
  const bool backwards =
      (from->kind == LogPlace::Kind::time && to->kind == LogPlace::Kind::time && from->time >= to->time) ||
      (from->kind == LogPlace::Kind::offset && to->kind == LogPlace::Kind::offset &&
       from->offset >= to->offset);
  if (backwards || from->kind == LogPlace::Kind::end || to->kind == LogPlace::Kind::start) {
    return wrong(concat("--from ", request.from, " --to ", request.to,
                        " holds nothing: the range ends before it begins"));
  }
  if (to->kind == LogPlace::Kind::time && to->time > system_clock().wall_now()) {
    return wrong(concat("--to ", request.to,
                        " is in the future, and a replay does not wait for it; write end for what is there "
                        "now"));
  }
  return {};
}

// A topic that the service does not read is a mistyped one, more often than one that is wanted.
Result<void> find_topic(const config::SourceSettings& source, const std::string& topic) {
  if (source.topics_regex.empty()) {
    return std::find(source.topics.begin(), source.topics.end(), topic) != source.topics.end()
               ? Result<void>()
               : wrong(concat("--topic ", topic, ": source.topics does not have it"));
  }
  const Result<config::TopicPattern> pattern = config::TopicPattern::compile(source.topics_regex);
  if (!pattern.ok()) {
    return pattern.error();
  }
  return pattern->matches(topic) ? Result<void>()
                                 : wrong(concat("--topic ", topic, ": source.topics_regex \"",
                                                source.topics_regex, "\" does not match it"));
}

}  // namespace

Result<ReplayPlan> plan_replay(const config::Settings& service, const ReplayRequest& request) {
  if (Result<void> known = find_topic(service.source, request.topic); !known.ok()) {
    return std::move(known).error();
  }
  ReplayPlan plan;
  plan.settings = service;
  if (Result<void> read = read_places(request, plan); !read.ok()) {
    return std::move(read).error();
  }
  Result<config::SinkSettings> sink = replay_sink(service.sink, request.into);
  if (!sink.ok()) {
    return std::move(sink).error();
  }
  plan.partitions = request.partitions;
  std::sort(plan.partitions.begin(), plan.partitions.end());
  plan.partitions.erase(std::unique(plan.partitions.begin(), plan.partitions.end()), plan.partitions.end());

  config::Settings& settings = plan.settings;
  settings.source.topics = {request.topic};
  settings.source.topics_regex.clear();
  if (request.from_quarantine) {
    plan.quarantine_of = settings;
  }
  settings.sink = std::move(sink).value();
  if (const std::string fault = sink_name_fault(settings); !fault.empty()) {
    return wrong(concat("--into ", request.into, ": ", fault));
  }
  const std::string suffix = concat("-replay-", id_of(plan, request.topic));
  settings.name = with_suffix(service.name, suffix, config::k_name_bytes_max);
  settings.source.group =
      with_suffix(service.source.group, suffix, config::k_group_bytes_max - k_range_suffix.size());
  plan.range_group = settings.source.group + std::string(k_range_suffix);
  settings.source.instance = "auto";
  settings.source.start = source::StartAt::given;
  settings.admin.host.clear();
  settings.batch.empty_files = false;  // nothing is silent now: the records are of another time
  for (config::Override& entry : settings.overrides) {
    entry.batch.empty_files = false;
  }
  if (Result<void> whole = check_whole(settings); !whole.ok()) {
    return std::move(whole).error();
  }
  return plan;
}

Result<Range> replay_range(const ReplayPlan& plan, const TopicPartition& id, const ReplayFacts& facts,
                           std::vector<std::string>& notes) {
  Position first = position_in(plan.from, facts.log, facts.from_time);
  Position next = position_in(plan.to, facts.log, facts.to_time);
  if (first < facts.log.start) {
    const std::string gone = concat(named(id), ": offsets ", first.value, " to ", facts.log.start.value - 1,
                                    " have left the log (retention)");
    if (plan.settings.source.on_data_loss == source::OnDataLoss::stop) {
      return make_error(ErrorKind::not_found, Action::fatal,
                        concat(gone, ", and are not replayed; write --from ", facts.log.start.value,
                               ", or earliest for what each partition has, or set source.on_data_loss: "
                               "continue"),
                        "OFFSET_OUT_OF_RANGE");
    }
    notes.push_back(concat(gone, "; the replay begins at ", facts.log.start.value));
    first = facts.log.start;
  }
  if (plan.from.kind == LogPlace::Kind::time && first == facts.log.start && first > Position{0}) {
    notes.push_back(concat(named(id), ": begins with the log, at offset ", first.value,
                           "; whether older records of that time have left it, nothing tells"));
  }
  next = std::min(next, facts.log.end);
  first = std::min(first, next);
  return Range{first, next};
}

std::string range_metadata(Range range) {
  return concat(k_range_version, range.first.value);
}

std::optional<Position> first_in_metadata(std::string_view metadata) {
  if (!metadata.starts_with(k_range_version)) {
    return std::nullopt;
  }
  metadata.remove_prefix(k_range_version.size());
  std::int64_t first = -1;
  const auto read = std::from_chars(metadata.data(), metadata.data() + metadata.size(), first);
  const bool whole = read.ec == std::errc{} && read.ptr == metadata.data() + metadata.size();
  return whole && first >= 0 ? std::optional(Position{first}) : std::nullopt;
}

}  // namespace penstock::appliance
