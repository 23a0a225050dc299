// How it works
//
// `penstock landed` asks the brokers, and the answer is its exit code. With --wait it asks every five seconds
// until it is so, and says what it waits for when that changes, and every half a minute. For example, for
// --until 10:00, begun at 09:59:50:
//
//   09:59:50  "waiting: 2026-01-31T10:00:00Z is not over yet"
//   10:00:05  "waiting: topic orders, partition 3 has landed until 2026-01-31T09:59:12Z: offsets 450 to 469
//              are not in the lake"
//   10:00:40  the file that holds them is there, and 0 is returned
//
// Brokers that do not answer are waited for, too. What a person must mend ends it at once.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/instance.h"
#include "appliance/landing.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "base/units.h"
#include "base/utc_text.h"
#include "config/names.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

using appliance::LandingQuestion;
using appliance::LandingReport;
using appliance::PartitionLanding;
using appliance::TopicLanding;

constexpr Duration k_between_questions = std::chrono::seconds(5);

struct LandedOptions {
  WallTime until;
  Duration wait{};
};

// What is wrong with them; empty: nothing.
std::string read_landed_options(const LandedCommand& command, const config::Settings& settings,
                                LandedOptions& options) {
  const std::vector<std::string>& known = settings.source.topics;
  for (const std::string& topic : command.topics) {
    if (!known.empty() && std::ranges::find(known, topic) == known.end()) {
      return concat("--topic ", topic, ": source.topics does not have it");
    }
  }
  if (const config::Complaint complaint = config::read_time(command.until, options.until);
      !complaint.empty()) {
    return concat("--until ", command.until, ": ", complaint);
  }
  if (options.until != std::chrono::floor<std::chrono::seconds>(options.until)) {
    return concat("--until ", command.until,
                  ": has a fraction of a second, and markers are named by whole ones; write one such as "
                  "2026-01-31T00:00:00Z");
  }
  if (command.wait.empty()) {
    return {};
  }
  const Result<Duration> wait = parse_duration(command.wait);
  options.wait = wait.ok() ? *wait : Duration::zero();
  return wait.ok() ? "" : concat("--wait ", command.wait, ": ", wait.error().message);
}

int refuse_landed(const LandedCommand& command, const std::string& message, int exit_code) {
  if (command.json) {
    std::printf("{\"error\":%s}\n", json_string(message).c_str());
  }
  obs::say_lines(obs::Level::error, message);
  return exit_code;
}

// Once, or again and again for at most `wait`. Error: that of the last question.
Result<LandingReport> ask_until_landed(const LandingQuestion& question, const LandedOptions& options) {
  obs::LogGate gate{std::chrono::seconds(30)};
  const MonoTime deadline = system_clock().now() + options.wait;
  std::string said;
  for (;;) {
    Result<LandingReport> report = question.ask(options.until);
    const bool is_over = report.ok() ? report->landed() : report.error().action != Action::retry;
    const MonoTime now = system_clock().now();
    if (is_over || now >= deadline) {
      return report;
    }
    std::string why = report.ok() ? landing_sentence(*report) : report.error().message;
    const bool is_due = gate.pass(now).has_value();
    if (is_due || why != said) {
      obs::say(obs::Level::info, concat("waiting: ", why));
      said = std::move(why);
    }
    std::this_thread::sleep_for(std::min<Duration>(k_between_questions, deadline - now));
  }
}

std::string json_time(const std::optional<WallTime>& time) {
  return time ? json_string(utc_text(*time)) : "null";
}

std::string json_partition(const PartitionLanding& partition) {
  return concat("{\"partition\":", partition.partition.value,
                ",\"committed\":", partition.committed ? concat(partition.committed->value) : "null",
                ",\"needed\":", partition.needed.value,
                ",\"landed_until\":", json_time(partition.landed_until),
                ",\"missing\":", json_string(partition.what_is_missing), "}");
}

void print_landed_json(const LandingReport& report) {
  std::string topics;
  for (const TopicLanding& topic : report.topics) {
    std::string lagging;
    for (const PartitionLanding& partition : topic.lagging) {
      lagging += concat(lagging.empty() ? "" : ",", json_partition(partition));
    }
    const bool landed = topic.lagging.empty() && report.now >= report.until;
    topics += concat(topics.empty() ? "" : ",", "{\"topic\":", json_string(topic.topic),
                     ",\"landed\":", landed ? "true" : "false", ",\"partitions\":", topic.partition_count,
                     ",\"landed_until\":", json_time(topic.landed_until), ",\"lagging\":[", lagging, "]}");
  }
  std::printf("{\"landed\":%s,\"until\":%s,\"asked\":%s,\"topics\":[%s]}\n",
              report.landed() ? "true" : "false", json_string(utc_text(report.until)).c_str(),
              json_string(utc_text(report.now)).c_str(), topics.c_str());
}

void print_landed_text(const LandingReport& report) {
  if (report.landed()) {
    std::printf("landed: of %zu %s every record before %s is in the lake\n", report.topics.size(),
                report.topics.size() == 1 ? "topic" : "topics", utc_text(report.until).c_str());
  } else {
    std::printf("not landed: %s\n", landing_sentence(report).c_str());
  }
}

// Of topics that have landed; of others there is none, whatever the exit code.
Result<void> mark(const LandingQuestion& question, const LandingReport& report) {
  std::vector<std::string> topics;
  for (const TopicLanding& topic : report.topics) {
    if (topic.lagging.empty() && report.now >= report.until) {
      topics.push_back(topic.topic);
    }
  }
  return topics.empty() ? Result<void>() : question.leave_markers(topics, report.until);
}

}  // namespace

int run_landed(const LandedCommand& command) {
  stand_in_for_instance(command.config);
  const Result<Settings> loaded = Settings::load(command.config);
  if (!loaded.ok()) {
    return refuse_landed(command, loaded.error().message, k_wrong_usage);
  }
  obs::init_log(obs::LogOptions{.level = obs::Level::error});
  LandedOptions options;
  if (const std::string wrong = read_landed_options(command, loaded->details(), options); !wrong.empty()) {
    return refuse_landed(command, wrong, k_wrong_usage);
  }
  const Result<LandingQuestion> question = LandingQuestion::open(loaded->details(), command.topics);
  if (!question.ok()) {
    return refuse_landed(command, question.error().message, k_failed);
  }
  const Result<LandingReport> report = ask_until_landed(*question, options);
  if (!report.ok()) {
    return refuse_landed(command, report.error().message, k_failed);
  }
  if (command.marker) {
    if (const Result<void> marked = mark(*question, *report); !marked.ok()) {
      return refuse_landed(command, marked.error().message, k_failed);
    }
  }
  if (command.json) {
    print_landed_json(*report);
  } else {
    print_landed_text(*report);
  }
  return report->landed() ? k_done : k_found_something;
}

}  // namespace penstock::app
