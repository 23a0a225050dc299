// How it works
//
// Checks tries one thing after the other, and each adds its rows to the report. What it makes comes from
// the functions that the service uses (wiring.h, wiring_source.h, startup.h), so a row tells what will
// happen. With a fault a start is refused, or it waits until that is mended. With a warning the service
// works. "memory" and "stage" need what an earlier try found, since they are shared out by the number of
// partitions.
//
// For example, the brokers are there, and the group may read "orders", but not "payments":
// 1. "io" and "fetch" tell what this kernel and these settings give.
// 2. walk_to_brokers() gives "kafka dns" to "kafka login". Then one probe of librdkafka answers for the
//    cluster. It gives "brokers", and "topic" for orders and its partitions. The faults among its answers
//    follow: "topic" again, with the error for payments. "group" is still asked, for the partitions of
//    orders.
// 3. With that guarantee, "commit round trip" commits for partition 0 of orders in a scratch group. "stale
//    stamp" does so as a member, with good stamps and with stale ones. That group is deleted.
// 4. "memory" counts the partitions of orders alone. "files" says what the records of the last day would
//    make. "stage" tries the directory of each worker, and "stage
//    room" compares stage.max_bytes with what is free. "sink" asks the store, and "registry" the schema
//    registry, where there is one.
// 5. "admin" binds its address. It is last, as it depends on the stage: an address that is taken is a
//    fault, unless this deployment is running, which the lock of its stage shows. It has the address
//    then. The same goes for "instance", which asks whether a member of the group has our instance id.
//
// "position" comes only where something is wrong: the log does not have the group's position, or the group
// has none and the sink has files of it.
//
// Had no broker let us in, its first link that fails would be a fault, and all that is behind it would be
// told to be not tried. "memory" would then count no partitions, which gives one worker unless
// runtime.workers says otherwise.
#include "appliance/check.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <penstock/result.h>

#include "appliance/check_kafka_chain.h"
#include "appliance/check_listen.h"
#include "appliance/check_positions.h"
#include "appliance/check_registry.h"
#include "appliance/check_sink.h"
#include "appliance/check_stage.h"
#include "appliance/check_token.h"
#include "appliance/check_topics.h"
#include "appliance/cluster_answers.h"
#include "appliance/memory_bound.h"
#include "appliance/tokens.h"
#include "appliance/traffic.h"
#include "appliance/whole_check.h"
#include "appliance/wiring.h"
#include "appliance/wiring_source.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/units.h"
#include "crypto/random.h"
#include "io/loop.h"
#include "kafka/stamp_trial.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/metadata_round_trip.h"
#include "rdkafka/rd_membership.h"
#include "rdkafka/scratch_group.h"

namespace penstock::appliance {
namespace {

constexpr std::chrono::milliseconds k_broker_wait{10'000};

// A broker lets the first member of a group wait for others, 3 s unless it is told otherwise.
constexpr Duration k_stamps_wait = std::chrono::seconds(20);

// "1 worker", "2 workers"
std::string counted(std::size_t count, std::string_view noun) {
  return concat(count, " ", noun, count == 1 ? "" : "s");
}

class Checks {
 public:
  Checks(const config::Settings& settings, double price_per_10k)
      : settings_(settings), price_per_10k_(price_per_10k) {}

  CheckReport run() {
    for (std::string& doubt : doubts(settings_)) {
      add("config", CheckSeverity::warning, std::move(doubt));
    }
    try_io();
    try_fetch();
    const Result<Tokens> tokens = try_tokens();
    const std::size_t widest = try_kafka();
    const std::uint32_t workers = try_memory(widest);
    predict_files(workers);
    const bool is_running = try_stage(workers);
    add_rows(check_sink(settings_, has_positions_ == false));
    add_rows(check_registry(settings_));
    try_instance(workers, is_running);
    try_admin(is_running);
    return std::move(report_);
  }

 private:
  void ok(std::string_view name, std::string text) { add(name, CheckSeverity::ok, std::move(text)); }
  void fault(std::string_view name, std::string text) { add(name, CheckSeverity::fault, std::move(text)); }
  void add(std::string_view name, CheckSeverity severity, std::string text) {
    report_.rows.push_back(
        CheckRow{.name = std::string(name), .severity = severity, .text = std::move(text)});
  }
  void add_rows(std::vector<CheckRow> rows) {
    std::move(rows.begin(), rows.end(), std::back_inserter(report_.rows));
  }

  void try_io() {
    const Result<std::unique_ptr<io::Loop>> loop = io::make_loop(loop_options(settings_), system_clock());
    if (!loop.ok()) {
      fault("io", loop.error().message);
      return;
    }
    const io::Grant& grant = (*loop)->grant();
    ok("io", grant.backend == io::Backend::io_uring
                 ? concat("io_uring, ", grant.flags)
                 : concat("the portable fallback, which costs more CPU: ", grant.reason));
  }

  void try_fetch() {
    const FetchChoice choice = fetch_choice(settings_);
    ok("fetch", concat(choice.direct ? "direct: " : "librdkafka: ", choice.reason));
  }

  // To be kept while brokers and store are asked.
  Result<Tokens> try_tokens() {
    Result<Tokens> tokens = Tokens::open(settings_);
    if (tokens.ok()) {
      add_rows(check_tokens(*tokens));
    } else {
      fault("token", tokens.error().message);
    }
    return tokens;
  }

  // How many partitions the widest topic has. What lies behind the first fault is told to be not tried.
  std::size_t try_kafka() {
    BrokerWay way = walk_to_brokers(settings_);
    const auto broken = std::ranges::find(way.rows, CheckSeverity::fault, &CheckRow::severity);
    const std::string first_fault = broken != way.rows.end() ? broken->name : "";
    add_rows(std::move(way.rows));
    if (!way.is_open) {
      not_tried_because(first_fault, {"brokers", "topic", "group"});
      not_tried_because(first_fault, exactly_once_links());
      return 0;
    }
    return try_cluster();
  }

  std::size_t try_cluster() {
    const Result<rdkafka::ProbeReport> cluster =
        rdkafka::probe_cluster(kafka_options(settings_, 0), k_broker_wait);
    if (!cluster.ok()) {
      fault("brokers", cluster.error().message);
      not_tried_because("brokers", {"topic", "group"});
      not_tried_because("brokers", exactly_once_links());
      return 0;
    }
    std::string brokers;
    for (const std::string& broker : cluster->brokers) {
      brokers += concat(brokers.empty() ? "" : ", ", broker);
    }
    ok("brokers", brokers);
    add_rows(reach_advertised(settings_, cluster->brokers));
    add_rows(check_topics(settings_, *cluster));
    std::size_t partitions = 0;
    std::size_t widest = 0;
    for (const rdkafka::ProbedTopic& topic : cluster->topics) {
      const std::size_t count = topic_plan(settings_, topic.name).ok() ? topic.partition_count : 0;
      partitions += count;
      widest = std::max(widest, count);
    }
    traffic_ = measure_traffic(settings_, *cluster);
    if (no_topic_matches(settings_, *cluster)) {
      try_group_without_topics();
      return 0;
    }
    if (partitions == 0) {
      not_tried_because("topic", {"group"});
      not_tried_because("topic", exactly_once_links());
      return 0;
    }
    if (cluster->group_error) {
      not_tried_because("group", exactly_once_links());
      return widest;
    }
    has_positions_ = !cluster->committed.empty();
    ok("group", concat(settings_.source.group, " has positions for ", cluster->committed.size(), " of ",
                       counted(partitions, "partition")));
    add_rows(check_positions(*cluster, settings_.source.on_data_loss));
    if (settings_.guarantee == ledger::Guarantee::exactly_once) {
      try_exactly_once({.topic = cluster->topics.front().name, .partition = Partition{0}});
    }
    return widest;
  }

  // There is no position to ask for, and none that could be committed.
  void try_group_without_topics() {
    const auto members = rdkafka::group_members(kafka_options(settings_, 0), k_broker_wait);
    if (members.ok()) {
      ok("group", concat(settings_.source.group, " answers, and has ", counted(members->size(), "member")));
    } else {
      fault("group", members.error().message);
    }
    for (const std::string_view link : exactly_once_links()) {
      add(link, CheckSeverity::not_tried, "not tried, as there is no topic yet to try it with");
    }
  }

  // at_least_once needs neither of them.
  std::vector<std::string_view> exactly_once_links() const {
    return settings_.guarantee == ledger::Guarantee::exactly_once
               ? std::vector<std::string_view>{"commit round trip", "stale stamp"}
               : std::vector<std::string_view>{};
  }

  void not_tried_because(std::string_view broken, const std::vector<std::string_view>& links) {
    for (const std::string_view link : links) {
      add(link, CheckSeverity::not_tried, concat("not tried, because of the fault of ", broken));
    }
  }

  void try_exactly_once(const TopicPartition& partition) {
    const auto loop = io::make_loop(io::LoopOptions{.choice = io::Choice::portable}, system_clock());
    if (!loop.ok()) {
      fault("commit round trip", loop.error().message);
      return;
    }
    const source::ConsumerOptions options = kafka_options(settings_, 0);
    source::ConsumerOptions scratch = rdkafka::in_scratch_group(options);
    if (!options.group_instance_id.empty()) {
      scratch.group_instance_id = concat("check-", crypto::random_u64());  // of this check alone
    }
    if (const Result<void> tried = rdkafka::try_metadata_round_trip(options, partition, k_broker_wait);
        !tried.ok()) {
      fault("commit round trip", tried.error().message + left_of(scratch, **loop));
      not_tried_because("commit round trip", {"stale stamp"});
      return;
    }
    ok("commit round trip", "the broker gives back the metadata of a committed offset");
    const Result<void> tried = kafka::try_stale_stamps({.consumer = scratch,
                                                        .join = rdkafka::join_by_librdkafka(scratch, **loop),
                                                        .partition = partition,
                                                        .patience = k_stamps_wait},
                                                       **loop, system_clock());
    const std::string left = left_of(scratch, **loop);
    if (tried.ok()) {
      ok("stale stamp", concat("the broker refuses stale commits", left));
    } else {
      fault("stale stamp", tried.error().message + left);
    }
  }

  // Removes the group of the trials. What to say where that cannot be done.
  static std::string left_of(const source::ConsumerOptions& scratch, io::Loop& loop) {
    const Result<void> removed = kafka::remove_group(scratch, loop, system_clock());
    return removed.ok()
               ? ""
               : concat(". The group of this trial, ", scratch.group, ", stays: ",
                        removed.error().kind == ErrorKind::unsupported ? "the broker deletes no groups"
                                                                       : removed.error().message);
  }

  // How many workers there would be; 1 where that cannot be told.
  std::uint32_t try_memory(std::size_t widest) {
    const Result<std::uint32_t> workers = worker_count(settings_, allowed_cpus(), widest);
    if (!workers.ok()) {
      fault("memory", workers.error().message);
      return 1;
    }
    const Result<config::MemoryPlan> plan = memory_plan(settings_, *workers);
    const Result<void> fits = plan.ok() ? check_memory(settings_) : plan.error();
    if (!fits.ok()) {
      fault("memory", fits.error().message);
      return *workers;
    }
    ok("memory", concat(counted(*workers, "worker"), " with ", counted(plan->slabs_per_worker, "slab"),
                        " of ", plan->slab_bytes >> 10, " KiB", *workers == 1 ? "" : " each", ", ",
                        format_size(settings_.runtime.memory), " in all"));
    return *workers;
  }

  // Of topics that will not be read nothing is counted.
  void predict_files(std::uint32_t workers) {
    if (!traffic_) {
      return;
    }
    if (!traffic_->ok()) {
      add("files", CheckSeverity::warning,
          concat("not predicted: ", traffic_->error().message, ". penstock files counts them by a volume"));
      return;
    }
    Traffic& traffic = **traffic_;
    std::erase_if(traffic.topics,
                  [this](const TopicTraffic& topic) { return !topic_plan(settings_, topic.topic).ok(); });
    report_.files = plan_files(settings_, traffic.topics, workers, system_clock().wall_now());
    ok("files", files_sentence(settings_, traffic, workers, price_per_10k_));
  }

  // Whether this deployment is running: somebody holds its stage.
  bool try_stage(std::uint32_t workers) {
    StageCheck stage = check_stage(settings_, workers);
    add_rows(std::move(stage.rows));
    if (const auto outside = outside_state_directory(settings_, std::getenv("STATE_DIRECTORY"))) {
      add("stage", CheckSeverity::warning, *outside);
    }
    return stage.in_use;
  }

  // A start with the id of a live member puts that one out of the group.
  void try_instance(std::uint32_t workers, bool is_running) {
    if (settings_.source.instance == "none" || !has_positions_.has_value()) {
      return;  // no static member, or no group that answers
    }
    const auto members = rdkafka::group_members(kafka_options(settings_, 0), k_broker_wait);
    for (std::uint32_t worker = 0; members.ok() && worker < workers; ++worker) {
      const std::string id = kafka_options(settings_, worker).group_instance_id;
      const auto same = std::ranges::find_if(
          *members, [&id](const rdkafka::GroupMember& member) { return rdkafka::is_instance(member, id); });
      if (same != members->end()) {
        add("instance", CheckSeverity::warning,
            concat("a member of the group has our instance id ", id, ", from ", same->host,
                   is_running
                       ? ": this deployment is running"
                       : ": a start here puts it out of the group. It may be one that has just ended, "
                         "which counts until its session times out. Otherwise give each process its own "
                         "source.instance"));
        return;
      }
    }
  }

  void try_admin(bool is_running) {
    if (settings_.admin.host.empty()) {
      return;
    }
    const Result<void> tried = try_to_listen(settings_.admin);
    if (tried.ok()) {
      ok("admin", concat(admin_address(settings_), " is free"));
    } else if (is_running && tried.error().kind == ErrorKind::already_exists) {
      add("admin", CheckSeverity::warning,
          concat(admin_address(settings_), " is taken, as this deployment is running"));
    } else {
      fault("admin", tried.error().message);
    }
  }

  const config::Settings& settings_;
  const double price_per_10k_;
  CheckReport report_;
  std::optional<Result<Traffic>> traffic_;  // none: the brokers were not asked
  std::optional<bool> has_positions_;       // of the group; none: it did not answer
};

}  // namespace

bool CheckReport::all_ok() const {
  return std::all_of(rows.begin(), rows.end(),
                     [](const CheckRow& row) { return row.severity != CheckSeverity::fault; });
}

CheckReport check_deployment(const config::Settings& settings, double price_per_10k) {
  return Checks(settings, price_per_10k).run();
}

}  // namespace penstock::appliance
