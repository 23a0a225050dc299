// While something of the topics is missing (one that does not exist yet, a right, a partition that nobody
// leads), asks the cluster again and again, so that the log and /readyz can name it. The rest is read
// meanwhile.
//
// That no topic matches source.topics_regex yet is nothing missing. It is a note beside a service that is
// ready.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"
#include "rdkafka/cluster_probe.h"

namespace penstock::appliance {

// What is missing of the topics that are to be read, a sentence each. Pure.
std::vector<std::string> missing_of(const rdkafka::ProbeReport& report);

// That no topic matches the expression yet, as a sentence. Empty: one does, or topics are named. Pure.
std::string note_of(const config::Settings& settings, const rdkafka::ProbeReport& report);

class TopicWatch {
 public:
  using Ask = std::function<Result<rdkafka::ProbeReport>()>;

  // Asks again on a thread of its own, every `pause`, until nothing is missing any more and there is no note.
  // No thread is made where `report` has neither. `settings` outlives it.
  TopicWatch(const config::Settings& settings, const rdkafka::ProbeReport& report, Ask ask, Duration pause);

  // Waits for the question that is under way.
  ~TopicWatch();

  // Asks no more. From any thread; returns at once.
  void end() { ends_.store(true); }
  TopicWatch(const TopicWatch&) = delete;
  TopicWatch& operator=(const TopicWatch&) = delete;

  // From any thread. Empty: nothing is missing.
  std::string missing() const;

  // From any thread. note_of() the last answer.
  std::string note() const;

  // From any thread. Why the last question had no answer. Empty: it had one, or none was asked. While there
  // is a note, workers have no partition and ask the brokers nothing that would show it.
  std::string no_answer() const;

 private:
  void watch();
  bool wait();
  void learn(const Result<rdkafka::ProbeReport>& report);

  const config::Settings& settings_;
  const Ask ask_;
  const Duration pause_;
  mutable std::mutex mutex_;
  std::vector<std::string> missing_;
  std::string note_;
  std::string no_answer_;
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

}  // namespace penstock::appliance
