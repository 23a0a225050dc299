// How it works
//
//   Traffic ──► librdkafka's mock broker ──► Appliance ──► files ──► count_landed(), verify_lake()
//   (this thread)                       (as `penstock run`)
//
// Nothing is made easier for the appliance but what the configuration below says. This thread produces at a
// steady pace, waits until all of it has been read, and stops the appliance, which publishes what it holds.
// Then the lines in the files are counted, as any reader would, and compared with what was produced.
//
// For example, `penstock demo --seconds 5`:
// 1. The group's first join takes the broker three seconds. Nothing is produced before the appliance is
//    ready.
// 2. 5 seconds at 4,000 records per second make some 20,000 records. A file is closed when its first record
//    is 5 seconds old, and the last one when the appliance stops.
// 3. "produced" and "landed" must be the same number, and verify must find every record once. Else the exit
//    code is 1.
//
// The mock broker keeps only the latest 5 MiB of a partition. Traffic therefore stops producing when the
// appliance falls too far behind, and goes on when it has caught up.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/gateway_traffic.h"
#include "app/landed_files.h"
#include "app/signals.h"
#include "app/summary.h"
#include "app/verify_text.h"
#include "appliance/verification.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "ledger/guarantee.h"
#include "obs/log.h"
#include "rdkafka/mock_cluster.h"

namespace penstock::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* k_topic = "api-gateway";
constexpr std::uint32_t k_partitions = 4;
constexpr std::uint64_t k_records_per_second = 4000;  // some 4 MB/s: 300 GB a day and a little more

// The mock broker keeps 5 MiB a partition and drops the oldest beyond it: never run further ahead of the
// consumer than this.
constexpr std::uint64_t k_ahead_max = 8000;

constexpr Duration k_catch_up_max = seconds(30);

// Nothing gets lost on the way to a broker in this process, so the wait for what may have been lost can be
// short: with the default nothing would land in the first ten seconds.
constexpr const char* k_fence_wait = "1s";

std::string demo_configuration(const std::string& brokers, const std::string& dir) {
  std::string list = brokers;
  for (std::size_t at = 0; (at = list.find(',', at)) != std::string::npos; at += 2) {
    list.replace(at, 1, ", ");
  }
  return concat("name: demo\n", "source: {brokers: [\"", list, "\"], topics: [", k_topic,
                "], tls: {enabled: false}, fence_wait: ", k_fence_wait, "}\n", "batch: {max_age: 5s}\n",
                "sink: {url: \"file://", dir, "/lake\"}\n", "stage: {dir: \"", dir,
                "/stage\", max_bytes: 1GiB}\n", "runtime: {workers: 1}\n", "admin: {listen: none}\n",
                "log: {level: warn}\n");
}

Result<std::string> demo_directory(const DemoCommand& command) {
  std::error_code error;
  if (!command.dir.empty()) {
    std::filesystem::create_directories(command.dir, error);
    if (!error && std::filesystem::is_empty(command.dir, error)) {
      return std::filesystem::absolute(command.dir).string();
    }
    return make_error(ErrorKind::invalid_input, Action::fatal,
                      concat("--dir ", command.dir, ": ",
                             error ? error.message()
                                   : "is not empty: the demo counts the lines "
                                     "of what it finds there; name a new one"));
  }
  std::string name = concat(std::filesystem::temp_directory_path(error).string(), "/penstock-demo-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return make_error(ErrorKind::io, Action::fatal,
                      concat("no directory could be made as ", name, "; name one with --dir"));
  }
  return name;
}

// Offers records at a steady pace, as long as the consumer keeps up.
class Traffic {
 public:
  Traffic(rdkafka::Producer& producer, const Appliance& appliance)
      : producer_(producer), appliance_(appliance) {}

  // Offers what is due by now; false: the producer failed.
  bool produce_due(double elapsed_seconds) {
    const auto due = static_cast<std::uint64_t>(elapsed_seconds * static_cast<double>(k_records_per_second));
    while (offered_ < due && offered_ < appliance_.counters().records_received + k_ahead_max) {
      for (std::uint64_t end = std::min(due, offered_ + 100); offered_ < end;) {
        if (!held_) {
          held_ = generator_.next(offered_, system_clock().wall_now());
        }
        const Partition partition{static_cast<std::int32_t>(offered_ % k_partitions)};
        const auto offer = producer_.offer(k_topic, partition, {}, *held_);
        if (!offer.ok()) {
          obs::say(obs::Level::error, offer.error().message);
          return false;
        }
        if (*offer == rdkafka::Producer::Offer::full) {
          producer_.serve(milliseconds(10));
          return true;
        }
        held_.reset();
        ++offered_;
      }
    }
    return true;
  }

 private:
  rdkafka::Producer& producer_;
  const Appliance& appliance_;
  GatewayTraffic generator_{1};
  std::uint64_t offered_ = 0;
  std::optional<std::string> held_;
};

void print_progress(double elapsed, std::uint64_t produced, const Counters& c) {
  std::printf("%6.0f s  produced %11s   read %11s records %8.1f MB %4s files   lag %s\n", elapsed,
              grouped(produced).c_str(), grouped(c.records_received).c_str(),
              static_cast<double>(c.record_bytes_received) / 1e6, grouped(c.blobs).c_str(),
              grouped(produced - std::min(produced, c.records_received)).c_str());
  std::fflush(stdout);
}

// Produces for the time asked, with a line of progress a second; then waits until the consumer has it all.
bool drive(const DemoCommand& command, rdkafka::Producer& producer, const Appliance& appliance,
           const std::atomic<bool>& stop) {
  Traffic traffic(producer, appliance);
  const auto wait_ready = system_clock().now() + k_catch_up_max;
  while (!stop.load() && !appliance.not_ready().empty() && system_clock().now() < wait_ready) {
    std::this_thread::sleep_for(
        milliseconds(50));  // the first join of a group takes the broker three seconds
  }
  const MonoTime begun = system_clock().now();
  const auto elapsed = [begun] {
    return std::chrono::duration<double>(system_clock().now() - begun).count();
  };
  double next_line = 1;
  const auto progress = [&] {
    if (!command.json && elapsed() >= next_line) {
      print_progress(elapsed(), producer.delivered_count(), appliance.counters());
      next_line += 1;
    }
  };
  while (!stop.load() && elapsed() < command.seconds) {
    if (!traffic.produce_due(elapsed())) {
      return false;
    }
    producer.serve(milliseconds(10));
    progress();
  }
  producer.flush(milliseconds(10'000));
  const MonoTime deadline = system_clock().now() + k_catch_up_max;
  while (appliance.counters().records_received < producer.delivered_count() &&
         system_clock().now() < deadline) {
    std::this_thread::sleep_for(milliseconds(20));
    progress();
  }
  return true;
}

struct Verdict {
  bool well = true;
  std::string text;  // empty: not asked for
};

// Where records may land twice there is nothing to verify.
Verdict verified(const config::Settings& settings) {
  if (settings.guarantee != ledger::Guarantee::exactly_once) {
    return {};
  }
  const Result<appliance::VerifyReport> report = appliance::verify_lake(
      settings, {.depth = appliance::Depth::content}, [](const appliance::VerifyProgress&) {});
  if (!report.ok()) {
    return {.well = false, .text = report.error().message};
  }
  return {.well = report->findings.fault_count() == 0, .text = verify_summary(*report)};
}

int report(const DemoCommand& command, const std::string& dir, std::uint64_t produced, const Summary& summary,
           const Verdict& verdict) {
  const Result<Landed> landed = count_landed(dir + "/lake");
  if (!landed.ok()) {
    obs::say(obs::Level::error, landed.error().message);
    return k_failed;
  }
  const bool agree = landed->lines == produced;
  const int exit_code = agree && verdict.well ? k_done : k_failed;
  if (command.json) {
    const std::string verify = verdict.text.empty() ? "null" : json_string(verdict.text);
    std::printf(
        "{\"produced\":%llu,\"landed\":%llu,\"agree\":%s,\"verify\":%s,\"files\":%llu,\"dir\":%s,\"summary\":"
        "%s}\n",
        static_cast<unsigned long long>(produced), static_cast<unsigned long long>(landed->lines),
        agree ? "true" : "false", verify.c_str(), static_cast<unsigned long long>(landed->files),
        json_string(dir + "/lake").c_str(), summary_json(summary).c_str());
    return exit_code;
  }
  std::printf("\nproduced  %11s records\nlanded    %11s records, counted in %s files: %s\n",
              grouped(produced).c_str(), grouped(landed->lines).c_str(), grouped(landed->files).c_str(),
              agree ? "they agree" : "THEY DO NOT AGREE");
  if (!verdict.text.empty()) {
    std::printf("verify    %s\n", verdict.text.c_str());
  }
  std::printf(
      "\n%s\n\nLook at the files:\n  find %s -name '*.txt' | sort\n  head -n 2 %s\n  find %s -name '*.txt' "
      "-print0 | xargs -0 cat | wc -l\n",
      summary_line(summary).c_str(), (dir + "/lake").c_str(), landed->first_file.c_str(),
      (dir + "/lake").c_str());
  return exit_code;
}

int failed(const Error& error) {
  obs::say(obs::Level::error, error.message);
  return k_failed;
}

}  // namespace

int run_demo(const DemoCommand& command) {
  const Result<std::string> dir = demo_directory(command);
  if (!dir.ok()) {
    failed(dir.error());
    return k_wrong_usage;
  }
  std::atomic<bool> stop{false};
  Signals signals([&stop] { stop.store(true); });
  const auto cluster = rdkafka::MockCluster::start(1);
  if (!cluster.ok()) {
    return failed(cluster.error());
  }
  if (Result<void> topic = (*cluster)->create_topic(k_topic, k_partitions); !topic.ok()) {
    return failed(topic.error());
  }
  const auto producer = rdkafka::Producer::create((*cluster)->brokers());
  if (!producer.ok()) {
    return failed(producer.error());
  }
  const Result<Settings> settings = Settings::parse(demo_configuration((*cluster)->brokers(), *dir), "demo");
  if (!settings.ok()) {
    return failed(settings.error());
  }
  if (!command.json) {
    std::printf("A broker in this process, %u partitions of %s; files of 5 seconds land in %s/lake\n\n",
                k_partitions, k_topic, dir->c_str());
    std::fflush(stdout);
  }
  Appliance appliance(*settings);
  Result<Summary> outcome = Error{};
  std::thread runner([&] {
    outcome = appliance.run();
    stop.store(true);
  });
  const bool driven = drive(command, **producer, appliance, stop);
  appliance.stop();
  runner.join();
  if (!outcome.ok()) {
    return failed(outcome.error());
  }
  if (!driven) {
    return k_failed;
  }
  return report(command, *dir, (*producer)->delivered_count(), *outcome, verified(settings->details()));
}

}  // namespace penstock::app
