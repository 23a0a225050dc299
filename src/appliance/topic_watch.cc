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

std::vector<std::string> missing_of(const rdkafka::ProbeReport& report) {
  std::vector<std::string> missing;
  for (const Unanswered& each : unanswered(report)) {
    if (each.question != Question::group) {
      missing.push_back(each.error.message);
    }
  }
  return missing;
}

std::string note_of(const config::Settings& settings, const rdkafka::ProbeReport& report) {
  return no_topic_matches(settings, report)
             ? concat("no topic matches source.topics_regex \"", settings.source.topics_regex,
                      "\" yet; one that is made is found within a minute")
             : std::string();
}

TopicWatch::TopicWatch(const config::Settings& settings, const rdkafka::ProbeReport& report, Ask ask,
                       Duration pause)
    : settings_(settings),
      ask_(std::move(ask)),
      pause_(pause),
      missing_(missing_of(report)),
      note_(note_of(settings, report)) {
  if (!missing_.empty() || !note_.empty()) {
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

std::string TopicWatch::note() const {
  const std::lock_guard lock(mutex_);
  return note_;
}

std::string TopicWatch::no_answer() const {
  const std::lock_guard lock(mutex_);
  return no_answer_;
}

void TopicWatch::watch() {
  obs::LogGate gate(k_name_again);
  std::string noted;
  for (std::string missing = this->missing(), note = this->note(); !missing.empty() || !note.empty();
       missing = this->missing(), note = this->note()) {
    if (!missing.empty() && gate.pass(system_clock().now())) {
      obs::log(obs::Level::warning,
               concat("something is missing and looked for again, the rest is read meanwhile: ", missing));
    }
    if (note != noted) {
      obs::log(obs::Level::info, note.empty() ? "a topic matches source.topics_regex now" : note);
      noted = std::move(note);
    }
    if (!wait()) {
      return;
    }
    learn(ask_());
  }
  obs::log(obs::Level::info, noted.empty() ? "nothing is missing of the topics any more"
                                           : "a topic matches source.topics_regex now");
}

// False: it is to end.
bool TopicWatch::wait() {
  const MonoTime until = system_clock().now() + pause_;
  while (!ends_.load() && system_clock().now() < until) {
    std::this_thread::sleep_for(k_look_for_end);
  }
  return !ends_.load();
}

// Without an answer what was known before stands.
void TopicWatch::learn(const Result<rdkafka::ProbeReport>& report) {
  const std::lock_guard lock(mutex_);
  no_answer_ = report.ok() ? "" : report.error().message;
  if (!report.ok()) {
    return;
  }
  std::vector<std::string> missing = missing_of(*report);
  std::string note = note_of(settings_, *report);
  missing_ = std::move(missing);
  note_ = std::move(note);
}

}  // namespace penstock::appliance
