#include "appliance/cluster_answers.h"

#include "appliance/wiring_source.h"

namespace penstock::appliance {

std::vector<Unanswered> unanswered(const rdkafka::ProbeReport& report) {
  std::vector<Unanswered> all;
  for (const Error& error : report.topic_errors) {
    all.push_back({.question = Question::topics, .error = error});
  }
  if (report.logs_error) {
    all.push_back({.question = Question::log_ends, .error = *report.logs_error});
  }
  if (report.group_error) {
    all.push_back({.question = Question::group, .error = *report.group_error});
  }
  return all;
}

bool no_topic_matches(const config::Settings& settings, const rdkafka::ProbeReport& report) {
  return !settings.source.topics_regex.empty() && report.topics.empty() && report.topic_errors.empty();
}

Result<rdkafka::ProbeReport> ask_brokers(const config::Settings& settings, std::chrono::milliseconds wait) {
  return rdkafka::probe_cluster(kafka_options(settings, 0), wait);
}

Result<rdkafka::ProbeReport> ask_cluster(const config::Settings& settings, Question last,
                                         std::chrono::milliseconds wait) {
  Result<rdkafka::ProbeReport> report = ask_brokers(settings, wait);
  if (report.ok()) {
    const std::vector<Unanswered> missing = unanswered(*report);
    if (!missing.empty() && missing.front().question <= last) {
      return missing.front().error;
    }
  }
  return report;
}

}  // namespace penstock::appliance
