#include "appliance/topic_watch.h"

#include <chrono>
#include <utility>

#include "appliance/cluster_answers.h"
#include "base/concat.h"
#include "obs/log.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_look_for_end = std::chrono::milliseconds(100);
constexpr Duration k_name_again = std::chrono::seconds(30);

}  // namespace

std::vector<std::string> missing_of(const config::Settings& settings, const rdkafka::ProbeReport& report) {
  std::vector<std::string> missing;
  for (const Unanswered& each : unanswered(report)) {
    if (each.question != Question::group) {
      missing.push_back(each.error.message);
    }
  }
  if (missing.empty() && report.topics.empty()) {
    missing.push_back(
        concat("no topic matches source.topics_regex \"", settings.source.topics_regex, "\" yet"));
  }
  return missing;
}

TopicWatch::TopicWatch(const config::Settings& settings, const rdkafka::ProbeReport& report, Ask ask,
                       Duration pause)
    : settings_(settings), ask_(std::move(ask)), pause_(pause), missing_(missing_of(settings, report)) {
  if (!missing_.empty()) {
    thread_ = std::thread([this] { watch(); });
  }
}

TopicWatch::~TopicWatch() {
  end();
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::string TopicWatch::missing() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const std::string& each : missing_) {
    text += concat(text.empty() ? "" : "; ", each);
  }
  return text;
}

void TopicWatch::watch() {
  obs::LogGate gate(k_name_again);
  for (std::string missing = this->missing(); !missing.empty(); missing = this->missing()) {
    if (const auto held_back = gate.pass(system_clock().now())) {
      obs::log(obs::Level::warning,
               concat("something is missing and looked for again, the rest is read meanwhile: ", missing));
    }
    if (!wait()) {
      return;
    }
    // Brokers that do not answer are another trouble, which the workers tell.
    if (const Result<rdkafka::ProbeReport> report = ask_(); report.ok()) {
      learn(missing_of(settings_, *report));
    }
  }
  obs::log(obs::Level::info, "nothing is missing of the topics any more");
}

// False: it is to end.
bool TopicWatch::wait() {
  const MonoTime until = system_clock().now() + pause_;
  while (!ends_.load() && system_clock().now() < until) {
    std::this_thread::sleep_for(k_look_for_end);
  }
  return !ends_.load();
}

void TopicWatch::learn(std::vector<std::string> missing) {
  const std::lock_guard lock(mutex_);
  missing_ = std::move(missing);
}

}  // namespace penstock::appliance
