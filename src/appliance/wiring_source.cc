#include "appliance/wiring_source.h"

#include <array>
#include <cctype>
#include <chrono>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/concat.h"
#include "base/foreign_limits.h"
#include "kafka/broker_access.h"
#include "kafka/direct_source.h"
#include "obs/log.h"
#include "rdkafka/librdkafka_source.h"
#include "rdkafka/rd_membership.h"

namespace penstock::appliance {
namespace {

using std::chrono::milliseconds;

// validate() has seen to it that nothing is written that the type has no use for.
source::Auth auth_of(const config::SourceAuth& auth) {
  return source::Auth{.type = auth.type,
                      .user = auth.username,
                      .password = auth.password.reveal(),
                      .connection_string = auth.value.reveal(),
                      .token_file = auth.token_file};
}

source::StartPoint start_of(const config::SourceSettings& source) {
  const auto since_epoch = std::chrono::duration_cast<milliseconds>(source.start_time.time_since_epoch());
  return {.at = source.start, .timestamp_ms = since_epoch.count()};
}

// The host's name in the characters that a group.instance.id may have.
std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  std::string text(name.data());
  for (char& c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-') {
      c = '-';
    }
  }
  return text.empty() ? "localhost" : text.substr(0, 64);
}

std::string group_instance_id(const config::Settings& settings, std::uint32_t worker) {
  if (settings.source.instance == "none") {
    return {};
  }
  return concat(settings.name, "-",
                settings.source.instance == "auto" ? host_name() : settings.source.instance, "-w", worker);
}

std::unique_ptr<source::Source> make_librdkafka_source(const config::Settings& settings, std::uint32_t worker,
                                                       const EndMarks& end_marks, io::Loop& loop,
                                                       const Clock& clock) {
  source::SourceOptions options;
  options.consumer = kafka_options(settings, worker);
  options.end_marks = end_marks;
  return std::make_unique<rdkafka::LibrdkafkaSource>(loop, clock, std::move(options));
}

std::unique_ptr<source::Source> make_direct_source(const config::Settings& settings, std::uint32_t worker,
                                                   const EndMarks& end_marks, io::Loop& loop,
                                                   const Clock& clock) {
  kafka::DirectSourceOptions options;
  options.consumer = kafka_options(settings, worker);
  options.join = rdkafka::join_by_librdkafka(options.consumer, loop);
  options.batch_bytes_max = settings.source.max_batch_bytes;
  options.commit_timeout = settings.source.fence_wait / 2;
  options.end_marks = end_marks;
  return std::make_unique<kafka::DirectSource>(loop, clock, std::move(options));
}

}  // namespace

source::ConsumerOptions kafka_options(const config::Settings& settings, std::uint32_t worker) {
  const config::SourceSettings& source = settings.source;
  source::ConsumerOptions options;
  options.brokers = source.brokers;
  options.auth = auth_of(source.auth);
  options.tls = config::uses_tls(source) ? source::Tls::enabled : source::Tls::disabled;
  options.tls_ca = source.tls.ca;
  options.group = source.group;
  options.topics =
      source.topics_regex.empty() ? source.topics : std::vector<std::string>{source.topics_regex};
  options.start = start_of(source);
  options.on_data_loss = source.on_data_loss;
  options.group_instance_id = group_instance_id(settings, worker);
  options.client_id = concat("penstock-", settings.name, "-w", worker);
  options.fetch_wait = std::chrono::duration_cast<milliseconds>(config::fetch_wait(settings));
  for (const auto& [key, value] : source.librdkafka) {
    options.passthrough[key] = value.reveal();
  }
  options.log = [worker](int level, const std::string& text) {
    constexpr int k_syslog_error = 3;
    obs::log(level <= k_syslog_error ? obs::Level::warning : obs::Level::debug, text,
             {{"worker", worker}, {"from", "librdkafka"}});
  };
  return options;
}

FetchChoice fetch_choice(const config::Settings& settings) {
  if (settings.source.fetch == config::Fetch::librdkafka) {
    return {.direct = false, .reason = "source.fetch says so"};
  }
  const std::string why_not = kafka::why_not_direct(kafka_options(settings, 0));
  if (!why_not.empty()) {
    return {.direct = false, .reason = why_not};
  }
  return {.direct = true,
          .reason =
              settings.source.fetch == config::Fetch::direct
                  ? "source.fetch says so"
                  : "source.fetch is auto, and the configuration asks for nothing that only librdkafka has"};
}

Result<std::unique_ptr<source::Source>> make_source(const config::Settings& settings, std::uint32_t worker,
                                                    const EndMarks& end_marks, io::Loop& loop,
                                                    const Clock& clock) {
  return fetch_choice(settings).direct ? make_direct_source(settings, worker, end_marks, loop, clock)
                                       : make_librdkafka_source(settings, worker, end_marks, loop, clock);
}

}  // namespace penstock::appliance
