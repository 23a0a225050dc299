// How it works
//
// Checks tries one thing after the other, and each adds its rows to the report. What it makes comes from the
// functions that the service uses (wiring.h, wiring_source.h, startup.h), so a row tells what will happen.
// "memory" alone needs what an earlier try found, since it is shared out by the number of partitions.
//
// For example, the brokers are there, and the group may read "orders", but not "payments":
// 1. "stage" writes 32 MiB and tells the speed. "stage room" compares stage.max_bytes with the free space.
// 2. "io" and "fetch" tell what this kernel and these settings give.
// 3. One probe answers for the cluster. It gives "brokers", then "topic" for orders and its partitions. The
//    faults among its answers follow: "topic" again, with the error for payments. "group" is still asked,
//    for the partitions of orders.
// 4. With that guarantee, "exactly once" commits for partition 0 of orders in a scratch group and reads back.
// 5. "memory" counts the partitions of orders alone. "sink" asks the store.
//
// Had no broker answered, "brokers" would be a fault, and topics, group and exactly once would have no rows.
// "memory" would then count no partitions, which gives one worker unless runtime.workers says otherwise.
#include "appliance/check.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <penstock/result.h>

#include "appliance/cluster_answers.h"
#include "appliance/startup.h"
#include "appliance/wiring.h"
#include "appliance/wiring_source.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "io/loop.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/metadata_round_trip.h"

namespace penstock::appliance {
namespace {

constexpr std::chrono::milliseconds k_broker_wait{10'000};
constexpr Duration k_sink_wait = std::chrono::seconds(20);

// What is written to the stage's disk to see how fast it is.
constexpr std::size_t k_piece_bytes = std::size_t{1} << 20;
constexpr std::size_t k_pieces = 32;
constexpr std::size_t k_direct_io_alignment = 4096;

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

// "1 worker", "2 workers"
std::string counted(std::size_t count, std::string_view noun) {
  return concat(count, " ", noun, count == 1 ? "" : "s");
}

std::string_view name_of(Question question) {
  switch (question) {
    case Question::topics:
      return "topic";
    case Question::log_ends:
      return "log ends";
    case Question::group:
      break;
  }
  return "group";
}

class Checks {
 public:
  explicit Checks(const config::Settings& settings) : settings_(settings) {}

  CheckReport run() {
    try_stage();
    try_io();
    try_fetch();
    const std::size_t partitions = try_cluster();
    try_memory(partitions);
    try_sink();
    return std::move(report_);
  }

 private:
  void ok(std::string_view name, std::string text) { add(name, CheckSeverity::ok, std::move(text)); }
  void fault(std::string_view name, std::string text) { add(name, CheckSeverity::fault, std::move(text)); }
  void add(std::string_view name, CheckSeverity severity, std::string text) {
    report_.rows.push_back(
        CheckRow{.name = std::string(name), .severity = severity, .text = std::move(text)});
  }

  void try_stage() {
    const std::string& dir = settings_.stage.dir;
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    if (error) {
      fault("stage", os_error(error.value(), concat("making stage.dir ", dir)).message);
      return;
    }
    try_disk(dir);
    try_room(dir);
  }

  // Writes as the stage will; without O_DIRECT where that is refused.
  void try_disk(const std::string& dir) {
    const std::string path = dir + "/.check";
    bool direct = true;
    UniqueFd file(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_DIRECT, 0600));
    if (!file.valid() && errno == EINVAL) {
      direct = false;
      file.reset(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
    }
    if (!file.valid()) {
      fault("stage", os_error(errno, concat("creating a file in stage.dir ", dir)).message);
      return;
    }
    const std::unique_ptr<void, FreeDeleter> piece(std::aligned_alloc(k_direct_io_alignment, k_piece_bytes));
    std::fill_n(static_cast<char*>(piece.get()), k_piece_bytes, 'p');
    const MonoTime begun = system_clock().now();
    for (std::size_t i = 0; i < k_pieces; ++i) {
      if (write(file.get(), piece.get(), k_piece_bytes) != static_cast<ssize_t>(k_piece_bytes)) {
        fault("stage", os_error(errno, concat("writing to stage.dir ", dir)).message);
        unlink(path.c_str());
        return;
      }
    }
    fdatasync(file.get());
    const double seconds = std::chrono::duration<double>(system_clock().now() - begun).count();
    unlink(path.c_str());
    const double megabytes = static_cast<double>(k_pieces * k_piece_bytes) / 1e6;
    ok("stage",
       concat(dir, ": ", static_cast<int>(megabytes / seconds), " MB/s, ",
              direct ? "O_DIRECT"
                     : "through the page cache, as its file system refuses O_DIRECT (ext4 and XFS do not)"));
  }

  void try_room(const std::string& dir) {
    struct statvfs fs {};
    if (statvfs(dir.c_str(), &fs) != 0) {
      return;
    }
    const std::uint64_t room = static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
    const std::string text =
        concat(room >> 30, " GiB free, stage.max_bytes is ", settings_.stage.max_bytes >> 30, " GiB");
    if (room >= settings_.stage.max_bytes) {
      ok("stage room", text);
    } else {
      fault("stage room", concat(text, ": lower it, or free some room"));
    }
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

  // How many partitions there are to read.
  std::size_t try_cluster() {
    const Result<rdkafka::ProbeReport> cluster =
        rdkafka::probe_cluster(kafka_options(settings_, 0), k_broker_wait);
    if (!cluster.ok()) {
      fault("brokers", cluster.error().message);
      return 0;
    }
    std::string brokers;
    for (const std::string& broker : cluster->brokers) {
      brokers += concat(brokers.empty() ? "" : ", ", broker);
    }
    ok("brokers", brokers);
    std::size_t partitions = 0;
    for (const rdkafka::ProbedTopic& topic : cluster->topics) {
      partitions += topic.partition_count;
      ok("topic", concat(topic.name, ", ", counted(topic.partition_count, "partition")));
    }
    if (cluster->topics.empty() && cluster->topic_errors.empty()) {
      fault("topic", concat("no topic matches ", settings_.source.topics_regex));
    }
    for (const Unanswered& missing : unanswered(*cluster)) {
      fault(name_of(missing.question), missing.error.message);
    }
    if (!cluster->group_error) {
      ok("group", concat(settings_.source.group, " has positions for ", cluster->committed.size(), " of ",
                         counted(partitions, "partition")));
    }
    if (settings_.guarantee == ledger::Guarantee::exactly_once && partitions > 0) {
      try_metadata({.topic = cluster->topics.front().name, .partition = Partition{0}});
    }
    return partitions;
  }

  void try_metadata(const TopicPartition& partition) {
    const Result<void> tried =
        rdkafka::try_metadata_round_trip(kafka_options(settings_, 0), partition, k_broker_wait);
    if (tried.ok()) {
      ok("exactly once", "the broker gives back the metadata of a committed offset");
    } else {
      fault("exactly once", tried.error().message);
    }
  }

  void try_memory(std::size_t partitions) {
    const Result<std::uint32_t> workers =
        worker_count(settings_, std::max(std::thread::hardware_concurrency(), 1U), partitions);
    if (!workers.ok()) {
      fault("memory", workers.error().message);
      return;
    }
    const Result<config::MemoryPlan> plan = memory_plan(settings_, *workers);
    if (plan.ok()) {
      ok("memory", concat(counted(*workers, "worker"), " with ", counted(plan->slabs_per_worker, "slab"),
                          " of ", plan->slab_bytes >> 10, " KiB", *workers == 1 ? "" : " each"));
    } else {
      fault("memory", plan.error().message);
    }
  }

  void try_sink() {
    const std::atomic<bool> stop{false};
    const Result<void> answer = probe_store_once(settings_, k_sink_wait, stop);
    if (answer.ok()) {
      ok("sink", concat(settings_.sink.url, ": writing is allowed"));
    } else {
      fault("sink", answer.error().message);
    }
  }

  const config::Settings& settings_;
  CheckReport report_;
};

}  // namespace

bool CheckReport::all_ok() const {
  return std::all_of(rows.begin(), rows.end(),
                     [](const CheckRow& row) { return row.severity == CheckSeverity::ok; });
}

CheckReport check_deployment(const config::Settings& settings) {
  return Checks(settings).run();
}

}  // namespace penstock::appliance
