// penstock as a library: load a configuration, build the appliance, run it, stop it, read its counters.
//
//   #include <penstock/penstock.h>
//   int main(int argc, char** argv) {
//     const auto settings = penstock::Settings::load(argc > 1 ? argv[1] : "penstock.yaml");
//     return settings.ok() && penstock::Appliance(*settings).run().ok() ? 0 : 1;
//   }
//
// The penstock binary is itself a user of this header. Nothing here throws anything but std::bad_alloc.
// Nothing here touches signals, standard output or global state, other than the process's log on standard
// error.
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

// The version of this library: "0.1.0". A static text.
const char* version();

// A configuration that was read and checked. Immutable and cheap to copy: copies share what they hold. From
// any thread.
class Settings {
 public:
  // Reads a YAML file as conf/REFERENCE.md describes it, and expands ${...}. Error invalid_input: every
  // fault of the file, one per line, as "file:line: key: what, and what to write". No message shows a
  // secret.
  static Result<Settings> load(const std::string& path);

  // The same from a text. `name` stands for the file in messages.
  static Result<Settings> parse(const std::string& yaml, const std::string& name);

  // The deployment's name, its `name:`. Valid as long as this object.
  const std::string& name() const;

  // The private form, for penstock's own modules. It is not part of the interface and may change.
  const config::Settings& details() const { return *details_; }

  // Of a private form that penstock's own modules have made. Likewise.
  static Settings of(config::Settings details);

 private:
  explicit Settings(std::shared_ptr<const config::Settings> details) : details_(std::move(details)) {}

  std::shared_ptr<const config::Settings> details_;
};

// Totals of one topic since run() began, over all workers.
struct TopicCounters {
  std::string topic;

  // Records in the blobs that were published. Each has a line.
  std::uint64_t records = 0;

  // Bytes of the values of these records.
  std::uint64_t bytes = 0;

  // Blobs that were published.
  std::uint64_t blobs = 0;
};

// Totals since run() began, over all workers; lag_records and stage_bytes are of now. The numbers are read
// one after the other while the workers go on, so they may be some instructions apart.
struct Counters {
  // Records in the blobs that were published, those that an earlier run had left on the stage among them.
  // Each has a line.
  std::uint64_t records = 0;

  // Bytes of the values of these records.
  std::uint64_t record_bytes = 0;

  // Records taken from the source, skipped ones among them. One that is read again counts again.
  std::uint64_t records_received = 0;

  // Bytes of the values of these records, as the source handed them over.
  std::uint64_t record_bytes_received = 0;

  // Of these, records with an empty value, which leave no line.
  std::uint64_t records_skipped = 0;

  // Records in the quarantine files beside the blobs that were published (batch.validate).
  std::uint64_t records_quarantined = 0;

  // Blobs that were published: they are durable and visible.
  std::uint64_t blobs = 0;

  // Bytes of these blobs as they are stored, so after compression.
  std::uint64_t blob_bytes = 0;

  // Calls to the store that were made again.
  std::uint64_t retries = 0;

  // Offsets between what was taken and the end of the log, over the partitions whose end is known.
  std::uint64_t lag_records = 0;

  // Bytes on the stage that are not yet published.
  std::uint64_t stage_bytes = 0;

  // One entry per topic that a worker was ever assigned, by name.
  std::vector<TopicCounters> topics;
};

// How far a bounded run is, in offsets: between where the group's partitions stood at its start and where
// their logs ended then. Partitions of which that is not known yet are not counted.
struct Progress {
  // Published and committed.
  std::uint64_t done = 0;

  std::uint64_t total = 0;
};

struct RunOptions {
  // Reads to the end offsets that are seen at the start, publishes, commits, and ends when the group has
  // committed every partition up to there, whoever owns it.
  bool exit_at_end = false;

  // Runs once, on the thread of run(), when every worker has been built and asks the group for partitions.
  // May be empty.
  std::function<void()> started{};

  // Runs once, on the thread of run(), when no broker has answered yet and run() waits for them: all else has
  // been tried, and the admin port answers. May be empty.
  std::function<void()> waiting{};

  // With exit_at_end: runs about once a second while the workers run, on the thread of run(). May be empty.
  std::function<void(const Progress&)> progress{};
};

// What a run came to.
struct Summary {
  // As counters() gives them at the end.
  Counters counters;

  // How long run() took.
  double seconds = 0;

  // Processor time of the whole process, user and system.
  double cpu_seconds = 0;

  // The most memory that the process has had resident.
  std::uint64_t peak_rss_bytes = 0;
};

// The whole appliance in this process: workers, stage, uploads, offsets, the admin server.
class Appliance {
 public:
  // Keeps a copy of the settings.
  explicit Appliance(const Settings& settings);

  // run() must have returned.
  ~Appliance();
  Appliance(const Appliance&) = delete;
  Appliance& operator=(const Appliance&) = delete;

  // Runs until stop(), until the end (exit_at_end), or until it fails, and blocks so long. Once per
  // Appliance.
  //
  // Ok: everything that was taken is published, and its offsets are committed. After leave_now() it is not,
  // and Kafka still has it.
  //
  // Error: what failed, and what to do. Nothing is lost then either, because what was not published was not
  // committed. Brokers or a store that do not answer are no failure: that is logged and waited for. After
  // stop() it is waited for until drain_timeout and 5 s have passed. With exit_at_end, brokers are waited for
  // one minute at the start, and whatever stands still is given up after some minutes.
  Result<Summary> run(const RunOptions& options = {});

  // Takes no more records, publishes, commits, and lets run() return. From any thread, at any time; returns
  // at once.
  void stop();

  // Lets run() return without publishing what was taken. From any thread, at any time; returns at once.
  void leave_now();

  // From any thread.
  Counters counters() const;

  // What run() has come to so far: also when it has ended with an Error. From any thread.
  Summary summary() const;

  // Empty: every worker takes records and ships them. Otherwise what is in the way, as a sentence for
  // people. From any thread.
  std::string not_ready() const;

  // Empty: every thread goes on, or is not there yet. Otherwise which one hangs, and a restart of the process
  // may help. From any thread.
  std::string unhealthy() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
