#include "appliance/startup.h"

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "appliance/cluster_answers.h"
#include "appliance/wiring_store.h"
#include "base/concat.h"
#include "obs/log.h"

namespace penstock::appliance {
namespace {

using obs::Level;

constexpr std::chrono::milliseconds k_broker_answer{5000};
constexpr Duration k_store_answer = std::chrono::seconds(15);
constexpr Duration k_between_tries = std::chrono::seconds(2);
constexpr Duration k_look_for_stop = std::chrono::milliseconds(100);
constexpr Duration k_say_again = std::chrono::seconds(30);
constexpr Duration k_minute = std::chrono::seconds(60);

// A password does not become right by waiting; librdkafka itself would try it for ever.
bool waiting_may_help(const Error& error) {
  return error.action == Action::retry && error.kind != ErrorKind::unauthenticated;
}

void sleep_unless_stopped(Duration wait, const std::atomic<bool>& stop) {
  const MonoTime until = system_clock().now() + wait;
  while (!stop.load() && system_clock().now() < until) {
    std::this_thread::sleep_for(k_look_for_stop);
  }
}

}  // namespace

Result<void> probe_store_once(const config::Settings& settings, Duration wait,
                              const std::atomic<bool>& stop) {
  const Result<LoneStore> sink = make_lone_store(settings, StoreUse::write);
  if (!sink.ok()) {
    return sink.error();
  }
  std::optional<Result<void>> answer;
  sink->store->probe([&answer](Result<void> result) { answer = std::move(result); });
  const MonoTime deadline = system_clock().now() + wait;
  while (!answer && !stop.load() && system_clock().now() < deadline) {
    sink->loop->run_once(k_look_for_stop);
  }
  if (answer) {
    return *answer;
  }
  return make_error(ErrorKind::timed_out, Action::retry,
                    concat(sink->store->description(), ": no answer within ",
                           std::chrono::duration_cast<std::chrono::seconds>(wait).count(),
                           " s: it hangs, or something in between drops what is sent"));
}

Result<void> probe_store(const config::Settings& settings, const std::atomic<bool>& stop) {
  Result<void> answer = probe_store_once(settings, k_store_answer, stop);
  if (!answer.ok() && waiting_may_help(answer.error())) {
    obs::log(
        Level::warning,
        concat("the sink does not answer yet; records are staged until it does: ", answer.error().message),
        {{"sink", settings.sink.url}, {"code", answer.error().code}});
    return {};
  }
  return answer;
}

Result<rdkafka::ProbeReport> await_cluster(const config::Settings& settings, Patience patience,
                                           const std::atomic<bool>& stop,
                                           const std::function<void()>& on_wait) {
  // The group is left to the workers: each joins it and reads its positions for itself.
  const bool all_of_it = patience == Patience::a_minute;
  const MonoTime begun = system_clock().now();
  obs::LogGate gate(k_say_again);
  bool told_wait = false;
  while (!stop.load()) {
    Result<rdkafka::ProbeReport> report = all_of_it
                                              ? ask_cluster(settings, Question::log_ends, k_broker_answer)
                                              : ask_brokers(settings, k_broker_answer);
    if (report.ok()) {
      return report;
    }
    Error error = report.error();
    if (!waiting_may_help(error)) {
      return error;
    }
    if (all_of_it && system_clock().now() - begun > k_minute) {
      error.message += "; gave up after a minute";
      return error;
    }
    if (on_wait && !std::exchange(told_wait, true)) {
      on_wait();
    }
    if (const auto held_back = gate.pass(system_clock().now())) {
      obs::log(Level::warning, concat("waiting for the brokers: ", error.message), {{"code", error.code}});
    }
    sleep_unless_stopped(k_between_tries, stop);
  }
  return rdkafka::ProbeReport{};
}

}  // namespace penstock::appliance
