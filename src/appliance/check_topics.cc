#include "appliance/check_topics.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/cluster_answers.h"
#include "appliance/wiring.h"
#include "base/concat.h"
#include "config/suggest.h"

namespace penstock::appliance {
namespace {

constexpr std::size_t k_topic_rows_max = 8;    // with more topics there is one row for all
constexpr std::size_t k_topics_named_max = 5;  // in that row

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

std::string partitions(std::size_t count) {
  return concat(count, count == 1 ? " partition" : " partitions");
}

// A topic whose files cannot have a name is left out of a run, and told here.
std::vector<rdkafka::ProbedTopic> take_readable(const config::Settings& settings,
                                                const std::vector<rdkafka::ProbedTopic>& topics,
                                                std::vector<CheckRow>& rows) {
  std::vector<rdkafka::ProbedTopic> readable;
  for (const rdkafka::ProbedTopic& topic : topics) {
    if (const Result<pipeline::TopicPlan> plan = topic_plan(settings, topic.name); plan.ok()) {
      readable.push_back(topic);
    } else {
      rows.push_back({.name = "topic",
                      .severity = CheckSeverity::fault,
                      .text = concat(topic.name, " will not be read: ", plan.error().message)});
    }
  }
  return readable;
}

void add_found(const std::vector<rdkafka::ProbedTopic>& topics, std::vector<CheckRow>& rows) {
  if (topics.size() <= k_topic_rows_max) {
    for (const rdkafka::ProbedTopic& topic : topics) {
      rows.push_back({.name = "topic",
                      .severity = CheckSeverity::ok,
                      .text = concat(topic.name, ", ", partitions(topic.partition_count))});
    }
    return;
  }
  std::size_t count = 0;
  std::string names;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    count += topics[i].partition_count;
    names += i < k_topics_named_max ? concat(topics[i].name, ", ") : "";
  }
  rows.push_back({.name = "topic",
                  .severity = CheckSeverity::ok,
                  .text = concat(topics.size(), " topics, ", partitions(count), ": ", names, "and ",
                                 topics.size() - k_topics_named_max, " more")});
}

// Empty: `error` is not about an unknown topic, or nothing is near.
std::string suggestion(const config::Settings& settings, const rdkafka::ProbeReport& cluster,
                       const Error& error) {
  if (error.kind != ErrorKind::not_found) {
    return {};
  }
  const std::vector<std::string_view> known(cluster.others.begin(), cluster.others.end());
  for (const std::string& topic : settings.source.topics) {
    if (error.message.starts_with(concat("topic ", topic, ":"))) {
      const std::string_view near = config::nearest(topic, known);
      return near.empty() ? "" : concat("; did you mean ", near, "?");
    }
  }
  return {};
}

}  // namespace

std::vector<CheckRow> check_topics(const config::Settings& settings, const rdkafka::ProbeReport& cluster) {
  std::vector<CheckRow> rows;
  add_found(take_readable(settings, cluster.topics, rows), rows);
  if (no_topic_matches(settings, cluster)) {
    rows.push_back({.name = "topic",
                    .severity = CheckSeverity::warning,
                    .text = concat("no topic matches source.topics_regex \"", settings.source.topics_regex,
                                   "\" yet, of those that this login may see; one that is made is found "
                                   "within a minute")});
  }
  for (const Unanswered& missing : unanswered(cluster)) {
    const bool is_topic = missing.question == Question::topics;
    rows.push_back(
        {.name = std::string(name_of(missing.question)),
         .severity = CheckSeverity::fault,
         .text = missing.error.message + (is_topic ? suggestion(settings, cluster, missing.error) : "")});
  }
  return rows;
}

}  // namespace penstock::appliance
