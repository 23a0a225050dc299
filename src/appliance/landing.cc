// How it works
//
// A partition has landed until a time when the group's position is behind every record that the log took
// before it. ListOffsets names the first record of that time; what is before it in the log is what must have
// landed. Where there is none yet, everything in the log must have, and the time must be over.
//
// For example, until 10:00, asked at 10:05:
//
//   partition   log              first of 10:00   the group is at
//   0           0 to 900         880              885        landed: the rest is of the next window
//   1           0 to 400         none             400        landed: nothing came since, and all is there
//   2           0 to 500         470              450        not landed: offset 450 is of 09:58:10
//   3           0 to 70          60               nothing    not landed: nobody has read it
//
// 1. The group is asked before the logs, so that a position above the end is of another log.
// 2. Of partitions 2 and 3 one record is read, the first that has not landed. It is of 09:58:10 in partition
//    2: until then the topic has landed, if partition 3 is put aside. Of partition 3 no time is known.
//
// With LogAppendTime times rise along the log, so this is exact. With CreateTime a producer may send a record
// of 09:59 at 10:07. It lies behind the first record of 10:00, and belongs to no window that is over.
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
#include "base/utc_text.h"
#include "io/loop.h"
#include "lake/landed_marker.h"
#include "verify/lake_reader.h"

namespace penstock::appliance {
namespace {

constexpr std::chrono::milliseconds k_landing_wait{10'000};
constexpr std::chrono::milliseconds k_first_record_wait{10'000};

// Behind the last record of before the time. Of a partition without such a record it is where the log begins,
// and a group without a position has landed all of nothing.
Position needed_of(const rdkafka::LandingFacts& facts) {
  return facts.first_since.value_or(facts.log.end);
}

bool is_of_another_log(const rdkafka::LandingFacts& facts) {
  return facts.committed && *facts.committed > facts.log.end;
}

bool has_landed(const rdkafka::LandingFacts& facts) {
  return !is_of_another_log(facts) && facts.committed.value_or(Position{0}) >= needed_of(facts);
}

std::string what_is_missing(const rdkafka::LandingFacts& facts) {
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
  return concat("offsets ", facts.committed->value, " to ", needed_of(facts).value - 1,
                " are not in the lake");
}

// Of the partition alone.
std::optional<WallTime> landed_until(const rdkafka::LandingFacts& facts, const rdkafka::RecordProbe* record,
                                     WallTime now) {
  if (facts.committed == facts.log.end || facts.log.end == Position{0}) {
    return now;
  }
  return record == nullptr || record->timestamp_ms < 0
             ? std::nullopt
             : std::optional(WallTime(std::chrono::milliseconds(record->timestamp_ms)));
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
  return now >= until &&
         std::ranges::all_of(topics, [](const TopicLanding& topic) { return topic.lagging.empty(); });
}

std::map<TopicPartition, Position> first_not_landed(const LandingFacts& facts) {
  std::map<TopicPartition, Position> wanted;
  for (const auto& [id, partition] : facts) {
    if (partition.committed && *partition.committed >= partition.log.start &&
        *partition.committed < partition.log.end) {
      wanted.emplace(id, *partition.committed);
    }
  }
  return wanted;
}

LandingReport judge_landing(const LandingFacts& facts,
                            const std::map<TopicPartition, rdkafka::RecordProbe>& records, WallTime until,
                            WallTime now) {
  LandingReport report{.now = now, .until = until, .topics = {}};
  for (const auto& [id, partition] : facts) {  // in the order of their topics
    if (report.topics.empty() || report.topics.back().topic != id.topic) {
      report.topics.push_back({.topic = id.topic, .landed_until = now, .lagging = {}});
    }
    TopicLanding& topic = report.topics.back();
    ++topic.partition_count;
    const auto record = records.find(id);
    const auto time = landed_until(partition, record == records.end() ? nullptr : &record->second, now);
    if (is_earlier(time, topic.landed_until)) {
      topic.landed_until = time;
    }
    if (!has_landed(partition)) {
      topic.lagging.push_back({.partition = id.partition,
                               .committed = partition.committed,
                               .needed = needed_of(partition),
                               .landed_until = time,
                               .what_is_missing = what_is_missing(partition)});
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
  const WallTime now = system_clock().wall_now();
  const Result<rdkafka::ProbeReport> cluster = ask_cluster(settings_, Question::topics, k_landing_wait);
  if (!cluster.ok()) {
    return cluster.error();
  }
  if (cluster->topics.empty()) {
    return make_error(ErrorKind::not_found, Action::retry,
                      concat("no topic matches ", settings_.source.topics_regex));
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
  const auto records = rdkafka::probe_records(options, first_not_landed(*facts), k_first_record_wait);
  if (!records.ok()) {
    return records.error();
  }
  return judge_landing(*facts, *records, until, now);
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
