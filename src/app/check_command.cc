// `penstock check`: tries, before the start, everything that the service will need, and says of each that it is so or what
// to do. Leaves nothing behind but the stage directory.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/json_text.h"
#include "appliance/startup.h"
#include "appliance/wiring.h"
#include "appliance/wiring_source.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "obs/log.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/metadata_round_trip.h"

namespace penstock::app {
namespace {

struct Finding {
  std::string subject;
  bool ok = true;
  std::string text;  // what is so, or what to do
};

using Findings = std::vector<Finding>;

void add(Findings& findings, std::string subject, bool ok, std::string text) {
  findings.push_back(Finding{.subject = std::move(subject), .ok = ok, .text = std::move(text)});
}

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

// Writes 32 MiB in pieces of 1 MiB as the stage will, and says how fast; without O_DIRECT where that is refused.
void check_stage_disk(const std::string& dir, Findings& findings) {
  constexpr std::size_t k_piece = std::size_t{1} << 20;
  constexpr std::size_t k_pieces = 32;
  const std::string path = dir + "/.check";
  bool direct = true;
  UniqueFd file(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_DIRECT, 0600));
  if (!file.valid() && errno == EINVAL) {
    direct = false;
    file.reset(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  }
  if (!file.valid()) {
    add(findings, "stage", false, os_error(errno, concat("creating a file in stage.dir ", dir)).message);
    return;
  }
  const std::unique_ptr<void, FreeDeleter> piece(std::aligned_alloc(4096, k_piece));
  std::fill_n(static_cast<char*>(piece.get()), k_piece, 'p');
  const MonoTime begun = system_clock().now();
  for (std::size_t i = 0; i < k_pieces; ++i) {
    if (write(file.get(), piece.get(), k_piece) != static_cast<ssize_t>(k_piece)) {
      add(findings, "stage", false, os_error(errno, concat("writing to stage.dir ", dir)).message);
      unlink(path.c_str());
      return;
    }
  }
  fdatasync(file.get());
  const double seconds = std::chrono::duration<double>(system_clock().now() - begun).count();
  unlink(path.c_str());
  add(findings, "stage", true,
      concat(dir, ": ", static_cast<int>(k_pieces * 1.048576 / seconds), " MB/s, ",
             direct ? "O_DIRECT"
                    : "through the page cache, as its file system refuses O_DIRECT (ext4 and XFS do not)"));
}

void check_stage(const config::Settings& settings, Findings& findings) {
  const std::string& dir = settings.stage.dir;
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) {
    add(findings, "stage", false, os_error(error.value(), concat("making stage.dir ", dir)).message);
    return;
  }
  check_stage_disk(dir, findings);
  struct statvfs fs {};
  if (statvfs(dir.c_str(), &fs) == 0) {
    const std::uint64_t room = static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
    add(findings, "stage room", room >= settings.stage.max_bytes,
        concat(room >> 30, " GiB free, stage.max_bytes is ", settings.stage.max_bytes >> 30,
               room >= settings.stage.max_bytes ? " GiB" : " GiB: lower it, or free some room"));
  }
}

void check_io(const config::Settings& settings, Findings& findings) {
  const Result<std::unique_ptr<io::Loop>> loop =
      io::make_loop(appliance::loop_options(settings), system_clock());
  if (!loop.ok()) {
    add(findings, "io", false, loop.error().message);
    return;
  }
  const io::Grant& grant = (*loop)->grant();
  add(findings, "io", true,
      grant.backend == io::Backend::io_uring
          ? concat("io_uring, ", grant.flags)
          : concat("the portable fallback, which costs more CPU: ", grant.reason));
}

void check_memory(const config::Settings& settings, std::size_t partitions, Findings& findings) {
  const Result<std::uint32_t> workers =
      appliance::worker_count(settings, std::max(std::thread::hardware_concurrency(), 1U), partitions);
  const Result<config::MemoryPlan> plan =
      workers.ok() ? appliance::memory_plan(settings, *workers) : Result<config::MemoryPlan>(workers.error());
  add(findings, "memory", plan.ok(),
      plan.ok() ? concat(*workers, " workers with ", plan->slabs_per_worker, " slabs of ",
                         plan->slab_bytes >> 10, " KiB each")
                : plan.error().message);
}

// Returns the number of partitions that were found.
std::size_t check_source(const config::Settings& settings, Findings& findings) {
  constexpr std::chrono::milliseconds k_answer{10'000};
  const Result<rdkafka::ProbeReport> report =
      rdkafka::probe_cluster(appliance::kafka_options(settings, 0), k_answer);
  if (!report.ok()) {
    add(findings, "brokers", false, report.error().message);
    return 0;
  }
  std::string brokers;
  for (const std::string& broker : report->brokers) {
    brokers += concat(brokers.empty() ? "" : ", ", broker);
  }
  add(findings, "brokers", true, brokers);
  std::size_t partitions = 0;
  for (const rdkafka::ProbedTopic& topic : report->topics) {
    partitions += topic.partition_count;
    add(findings, "topic", true, concat(topic.name, ", ", topic.partition_count, " partitions"));
  }
  for (const Error& error : report->topic_errors) {
    add(findings, "topic", false, error.message);
  }
  if (report->topics.empty() && report->topic_errors.empty()) {
    add(findings, "topic", false, concat("no topic matches ", settings.source.topics_regex));
  }
  if (report->logs_error) {
    add(findings, "log ends", false, report->logs_error->message);
  }
  if (report->group_error) {
    add(findings, "group", false, report->group_error->message);
  } else {
    add(findings, "group", true,
        concat(settings.source.group, " has positions for ", report->committed.size(), " of ", partitions,
               " partitions"));
  }
  if (settings.guarantee == ledger::Guarantee::exactly_once && partitions > 0) {
    const Result<void> tried = rdkafka::try_metadata_round_trip(
        appliance::kafka_options(settings, 0),
        {.topic = report->topics.front().name, .partition = Partition{0}}, k_answer);
    add(findings, "exactly once", tried.ok(),
        tried.ok() ? "the broker gives back the metadata of a committed offset" : tried.error().message);
  }
  return partitions;
}

void check_sink(const config::Settings& settings, Findings& findings) {
  const std::atomic<bool> stop{false};
  const Result<void> answer = appliance::probe_store_once(settings, std::chrono::seconds(20), stop);
  add(findings, "sink", answer.ok(),
      answer.ok() ? concat(settings.sink.url, ": writing is allowed") : answer.error().message);
}

void print(const Findings& findings, bool json) {
  std::string rows;
  for (const Finding& finding : findings) {
    if (json) {
      rows += concat(rows.empty() ? "" : ",", "{\"subject\":", json_string(finding.subject),
                     ",\"ok\":", finding.ok ? "true" : "false", ",\"text\":", json_string(finding.text), "}");
    } else {
      std::printf("%-6s %-12s %s\n", finding.ok ? "ok" : "FAULT", finding.subject.c_str(),
                  finding.text.c_str());
    }
  }
  if (json) {
    std::printf("{\"findings\":[%s]}\n", rows.c_str());
  }
}

}  // namespace

int run_check(const CheckCommand& command) {
  Findings findings;
  const Result<Settings> loaded = Settings::load(command.config);
  if (!loaded.ok()) {
    if (command.json) {
      add(findings, "config", false, loaded.error().message);
      print(findings, true);
    } else {
      std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    }
    return k_wrong_usage;
  }
  const config::Settings& settings = loaded->details();
  obs::init_log(obs::LogOptions{.level = obs::Level::error});
  add(findings, "config", true, concat(command.config, ": ", settings.name));
  check_stage(settings, findings);
  check_io(settings, findings);
  const appliance::FetchChoice fetch = appliance::fetch_choice(settings);
  add(findings, "fetch", true, concat(fetch.direct ? "direct: " : "librdkafka: ", fetch.reason));
  const std::size_t partitions = check_source(settings, findings);
  check_memory(settings, partitions, findings);
  check_sink(settings, findings);
  print(findings, command.json);
  const bool all_ok =
      std::all_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.ok; });
  return all_ok ? k_done : k_found_something;
}

}  // namespace penstock::app
