// penstock as a library: load a configuration, build the appliance, run it, stop it, read its counters.
//
//   #include <penstock/penstock.h>
//   int main(int argc, char** argv) {
//     const auto settings = penstock::Settings::load(argc > 1 ? argv[1] : "penstock.yaml");
//     return settings.ok() && penstock::Appliance(*settings).run().ok() ? 0 : 1;
//   }
//
// The penstock binary is itself a user of this header. Nothing here throws, but std::bad_alloc; nothing
// here touches signals, standard output or global state, other than the process's log on standard error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <penstock/result.h>

namespace penstock {

namespace config {
struct Settings;
}

// "0.1.0"
const char* version();

// A configuration that was read and checked. Immutable, cheap to copy.
class Settings {
 public:
  // Reads a YAML file as conf/REFERENCE.md describes it; expands ${...}. Error invalid_input: every fault
  // of the file, a line each, as "file:line: key: what, and what to write". Never shows a secret.
  static Result<Settings> load(const std::string& path);

  // The same from a text. `name` stands for the file in messages.
  static Result<Settings> parse(const std::string& yaml, const std::string& name);

  // The deployment's name, its `name:`.
  const std::string& name() const;

  // The private form, for penstock's own modules.
  const config::Settings& details() const { return *details_; }

 private:
  explicit Settings(std::shared_ptr<const config::Settings> details) : details_(std::move(details)) {}

  std::shared_ptr<const config::Settings> details_;
};

struct TopicCounters {
  std::string topic;
  std::uint64_t records = 0;  // landed or on their way; skipped ones are not among them
  std::uint64_t bytes = 0;    // of their values
  std::uint64_t blobs = 0;    // published
};

// Totals since run() began, over all workers; lag_records, stage_bytes and the open counts are of now.
struct Counters {
  std::uint64_t records = 0;          // taken from the source, skipped ones among them
  std::uint64_t records_skipped = 0;  // empty values
  std::uint64_t record_bytes = 0;     // of values
  std::uint64_t blobs = 0;            // published: durable and visible
  std::uint64_t blob_bytes = 0;       // as stored
  std::uint64_t retries = 0;          // calls to the store that were made again
  std::uint64_t lag_records = 0;      // produced and not yet taken, where the log's end is known
  std::uint64_t stage_bytes = 0;      // on the stage and not yet published
  std::vector<TopicCounters> topics;  // by name
};

struct RunOptions {
  // Reads to the end offsets seen at the start, publishes, commits, ends.
  bool exit_at_end = false;

  // Runs once, on the thread of run(), when every worker has been built and asks the group for partitions.
  std::function<void()> started;
};

struct Summary {
  Counters counters;
  double seconds = 0;      // wall
  double cpu_seconds = 0;  // user and system, of the whole process
  std::uint64_t peak_rss_bytes = 0;
};

// The whole appliance in this process: workers, stage, uploads, offsets, the admin server.
class Appliance {
 public:
  explicit Appliance(const Settings& settings);
  ~Appliance();  // run() must have returned
  Appliance(const Appliance&) = delete;
  Appliance& operator=(const Appliance&) = delete;

  // Runs until stop(), until the end (exit_at_end), or until it fails; blocks. Ok: everything that was
  // taken is published and its offsets are committed (after leave_now(): it is not, and Kafka still has
  // it). An Error says what failed, and what to do; nothing is lost then either: what was not published was
  // not committed. Brokers or a store that do not answer are no failure: that is logged and waited for
  // (with exit_at_end: brokers for a minute). Once per Appliance.
  Result<Summary> run(const RunOptions& options = {});

  // From any thread, at any time; both return at once. stop(): take no more, publish, commit, return from
  // run(). leave_now(): return from run() without that.
  void stop();
  void leave_now();

  // From any thread.
  Counters counters() const;

  // From any thread. Empty: every worker takes records and ships them. Otherwise what is in the way, as a
  // sentence.
  std::string not_ready() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
