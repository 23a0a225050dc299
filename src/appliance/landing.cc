// How it works
//
// A partition has landed until a time when the first record that is not in the lake is of that time or a
// later one, or when there is no such record. So one record a partition is read: the one at the group's
// position. Its time is that until which the partition has landed.
//
// For example, until 10:00, asked at 10:05:
//
//   partition   log              the group is at   the record there
//   0           0 to 900         885               of 10:02:30      landed: the rest is of the next window
//   1           0 to 400         400               none             landed: all of it is there
//   2           0 to 500         450               of 09:58:10      not landed
//   3           0 to 70          nothing           of 09:30:00      not landed: nobody has read it
//   4           0 to 90          80                of next year     not landed: nobody knows when it came
//
// 1. The group is asked before the logs, so that a position above the end is of another log.
// 2. ListOffsets names the first record of 10:00. It only says how much is missing where something is, since
//    every record before it is of the window. It cannot say that nothing is: in partition 4 it may name
//    offset 10, of next year, and what lies behind that one may be of the window.
//
// With LogAppendTime times rise along the log, so this is exact. With CreateTime a producer may send a record
// of 09:59 at 10:07. Its window was over. While it is the first one that waits, it keeps that window open all
// the same.
//
// A claim is a promise to make a file, and not counted. Records of a transaction that is open count, as they
// will be there when it is committed.
#include "appliance/landing.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "appliance/cluster_answers.h"
#include "appliance/tokens.h"
#include "appliance/wiring_source.h"
#include "appliance/wiring_store.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "base/record_view.h"
#include "base/utc_text.h"
#include "io/loop.h"
#include "lake/landed_marker.h"
#include "verify/lake_reader.h"

namespace penstock::appliance {
namespace {

constexpr std::chrono::milliseconds k_landing_wait{10'000};
constexpr std::chrono::milliseconds k_first_record_wait{10'000};

// A group without a position has landed nothing.
Position position_of(const rdkafka::LandingFacts& facts) {
  return facts.committed.value_or(Position{0});
}

// All before it is of the window. Where the group is beyond that, nobody knows more than that the log has an
// end.
Position needed_of(const rdkafka::LandingFacts& facts) {
  return facts.first_since && *facts.first_since > position_of(facts) ? *facts.first_since : facts.log.end;
}

bool is_of_another_log(const rdkafka::LandingFacts& facts) {
  return facts.committed && *facts.committed > facts.log.end;
}

// Records are there that have not landed, and the first of them is still in the log.
bool waits(const rdkafka::LandingFacts& facts) {
  return position_of(facts) >= facts.log.start && position_of(facts) < facts.log.end;
}

// None: there is none, or it cannot be one, or it is ahead of the clock. When the log took the record is not
// known then.
std::optional<WallTime> time_of(const rdkafka::RecordProbe* record, WallTime clock) {
  if (record == nullptr || !tells_time(record->timestamp_ms)) {
    return std::nullopt;
  }
  const WallTime time{std::chrono::milliseconds(record->timestamp_ms)};
  return time <= clock ? std::optional(time) : std::nullopt;
}

// Whatever their times are.
bool are_all_there(const rdkafka::LandingFacts& facts) {
  return position_of(facts) == facts.log.end;
}

// Of the partition alone.
std::optional<WallTime> landed_until(const rdkafka::LandingFacts& facts, const rdkafka::RecordProbe* record,
                                     const Asked& asked) {
  if (are_all_there(facts)) {
    return asked.begun;
  }
  return waits(facts) ? time_of(record, asked.answered) : std::nullopt;
}

// Why the record at the position is none behind which everything is of later.
std::string what_is_wrong_with(const rdkafka::RecordProbe* record, Position position, const Asked& asked) {
  const std::string where = concat("the first record from offset ", position.value, " on");
  if (record == nullptr) {
    return concat(where, " is not in the lake and could not be read, so its time is not known");
  }
  if (const auto time = time_of(record, asked.answered)) {
    return concat(where, " is of ", utc_text(*time), " and not in the lake");
  }
  if (tells_time(record->timestamp_ms)) {
    return concat(where, " is not in the lake, and dated ",
                  utc_text(WallTime(std::chrono::milliseconds(record->timestamp_ms))),
                  ", ahead of the clock: when the log took it is not known");
  }
  return concat(where, " is not in the lake, and has no time");
}

std::string what_is_missing(const rdkafka::LandingFacts& facts, const rdkafka::RecordProbe* record,
                            const Asked& asked) {
  if (!facts.committed) {
    return "the group has no position there: penstock has landed nothing of it";
  }
  if (is_of_another_log(facts)) {
    return concat("the group's position ", facts.committed->value, " is above the log's end ",
                  facts.log.end.value, ": the topic was made anew");
  }
  if (*facts.committed < facts.log.start) {
    return concat("the group's position ", facts.committed->value, " is below the log's start ",
                  facts.log.start.value, ": what is between has left the log, and was not landed");
  }
  if (facts.first_since && *facts.first_since <= *facts.committed) {
    return what_is_wrong_with(record, *facts.committed, asked);
  }
  return concat("offsets ", facts.committed->value, " to ", needed_of(facts).value - 1,
                " are not in the lake");
}

Result<void> put_once(lake::BlobStore& store, io::Loop& loop, const std::string& name,
                      const std::string& text) {
  const auto answer = std::make_shared<std::optional<Result<void>>>();
  const Bytes piece = as_bytes(text);
  store.put_blob(name, std::span(&piece, 1), {}, [answer](Result<void> done) { *answer = std::move(done); });
  while (!answer->has_value()) {
    loop.run_once(verify::k_loop_turn);
  }
  return std::move(**answer);
}

// After an answer that is lost the marker may be there already, which is as well.
Result<void> put_marker(lake::BlobStore& store, io::Loop& loop, const std::string& name,
                        const std::string& text) {
  for (verify::Repeats repeats;;) {
    Result<void> put = put_once(store, loop, name, text);
    if (put.ok() || put.error().kind == ErrorKind::already_exists) {
      return {};
    }
    const auto pause = repeats.pause_after(put.error());
    if (!pause) {
      return put;
    }
    for (const MonoTime until = system_clock().now() + *pause; system_clock().now() < until;) {
      loop.run_once(verify::k_loop_turn);
    }
  }
}

// What is not known is further behind than anything.
bool is_earlier(const std::optional<WallTime>& a, const std::optional<WallTime>& b) {
  return b.has_value() && (!a.has_value() || *a < *b);
}

}  // namespace

bool LandingReport::landed() const {
  return now >= until && !topics.empty() &&
         std::ranges::all_of(topics, [](const TopicLanding& topic) { return topic.lagging.empty(); });
}

std::map<TopicPartition, Position> first_not_landed(const LandingFacts& facts) {
  std::map<TopicPartition, Position> wanted;
  for (const auto& [id, partition] : facts) {
    if (waits(partition)) {
      wanted.emplace(id, position_of(partition));
    }
  }
  return wanted;
}

LandingReport judge_landing(const LandingFacts& facts,
                            const std::map<TopicPartition, rdkafka::RecordProbe>& records,
                            const Asked& asked) {
  LandingReport report{.now = asked.begun, .until = asked.until, .topics = {}};
  for (const auto& [id, partition] : facts) {  // in the order of their topics
    if (report.topics.empty() || report.topics.back().topic != id.topic) {
      report.topics.push_back({.topic = id.topic, .landed_until = asked.begun, .lagging = {}});
    }
    TopicLanding& topic = report.topics.back();
    ++topic.partition_count;
    const auto found = records.find(id);
    const rdkafka::RecordProbe* record = found == records.end() ? nullptr : &found->second;
    const auto time = landed_until(partition, record, asked);
    if (is_earlier(time, topic.landed_until)) {
      topic.landed_until = time;
    }
    if (!are_all_there(partition) && (!time || *time < asked.until)) {
      topic.lagging.push_back({.partition = id.partition,
                               .committed = partition.committed,
                               .needed = needed_of(partition),
                               .landed_until = time,
                               .what_is_missing = what_is_missing(partition, record, asked)});
    }
  }
  for (TopicLanding& topic : report.topics) {
    std::ranges::stable_sort(topic.lagging, is_earlier, &PartitionLanding::landed_until);
  }
  return report;
}

std::string landing_sentence(const LandingReport& report) {
  if (report.now < report.until) {
    return concat(utc_text(report.until), " is not over yet");
  }
  if (report.topics.empty()) {
    return "no topic matches source.topics_regex yet, so there is nothing that could have landed";
  }
  const TopicLanding* worst = nullptr;
  std::size_t lagging = 0;
  for (const TopicLanding& topic : report.topics) {
    if (topic.lagging.empty()) {
      continue;
    }
    ++lagging;
    if (worst == nullptr || is_earlier(topic.landed_until, worst->landed_until)) {
      worst = &topic;
    }
  }
  if (worst == nullptr) {
    return {};
  }
  const PartitionLanding& partition = worst->lagging.front();
  std::string text =
      concat("topic ", worst->topic, ", partition ", partition.partition.value, " has landed until ",
             partition.landed_until ? utc_text(*partition.landed_until) : "a time that is not known", ": ",
             partition.what_is_missing);
  if (worst->lagging.size() > 1) {
    text += concat("; so have ", worst->lagging.size() - 1, " more of its ", worst->partition_count,
                   " partitions not");
  }
  return lagging > 1 ? concat(text, "; ", lagging - 1, lagging == 2 ? " more topic has" : " more topics have",
                              " not landed")
                     : text;
}

LandingQuestion::LandingQuestion(config::Settings settings, std::shared_ptr<const Tokens> tokens)
    : settings_(std::move(settings)), tokens_(std::move(tokens)) {}

Result<LandingQuestion> LandingQuestion::open(const config::Settings& settings,
                                              const std::vector<std::string>& topics) {
  config::Settings narrowed = settings;
  if (!topics.empty()) {
    narrowed.source.topics = topics;
    narrowed.source.topics_regex.clear();
  }
  Result<Tokens> tokens = Tokens::open_and_await(narrowed);
  if (!tokens.ok()) {
    return std::move(tokens).error();
  }
  return LandingQuestion(std::move(narrowed), std::make_shared<const Tokens>(std::move(tokens).value()));
}

Result<LandingReport> LandingQuestion::ask(WallTime until) const {
  const WallTime begun = system_clock().wall_now();
  const Result<rdkafka::ProbeReport> cluster = ask_cluster(settings_, Question::topics, k_landing_wait);
  if (!cluster.ok()) {
    return cluster.error();
  }
  if (cluster->topics.empty()) {
    return LandingReport{.now = begun, .until = until, .topics = {}};
  }
  std::vector<TopicPartition> partitions;
  for (const rdkafka::ProbedTopic& topic : cluster->topics) {
    for (std::size_t i = 0; i < topic.partition_count; ++i) {
      partitions.push_back({topic.name, Partition{static_cast<std::int32_t>(i)}});
    }
  }
  const source::ConsumerOptions options = kafka_options(settings_, 0);
  const auto facts = rdkafka::ask_for_landing(options, partitions, until, k_landing_wait);
  if (!facts.ok()) {
    return facts.error();
  }
  const auto records = rdkafka::probe_records(options, first_not_landed(*facts), k_first_record_wait,
                                              rdkafka::Transactions::open_ones_too);
  if (!records.ok()) {
    return records.error();
  }
  return judge_landing(*facts, *records,
                       {.until = until, .begun = begun, .answered = system_clock().wall_now()});
}

Result<void> LandingQuestion::leave_markers(const std::vector<std::string>& topics, WallTime until) const {
  const Result<LoneStore> sink = make_lone_store(settings_, StoreUse::write);
  if (!sink.ok()) {
    return sink.error();
  }
  for (const std::string& topic : topics) {
    const std::string text =
        concat("{\"topic\":", json_string(topic), ",\"until\":", json_string(utc_text(until)),
               ",\"group\":", json_string(settings_.source.group), "}\n");
    if (Result<void> put =
            put_marker(*sink->store, *sink->loop, lake::landed_marker_name(topic, until), text);
        !put.ok()) {
      return put;
    }
  }
  return {};
}

}  // namespace penstock::appliance
