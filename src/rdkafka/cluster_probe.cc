// How it works
//
// One consumer asks, and never joins the group: for the metadata of all topics, for the start and the end of
// each log, and for the group's entries. Without metadata there is nothing to tell, so that error ends the
// probe. The later errors become part of the report, and the rest is still told.
//
// The worked case is a wrong password, with two brokers of which one is down. rd_kafka_metadata() knows no
// reason and only times out. The reasons come by the error callback, which runs only when it is served. So
// the question is asked in steps of half a second, and the callback is served in between:
//
//   1. The first step times out. The callback says _TRANSPORT of the broker that is down. It weighs 4, since
//      its sentence names a cause, and is kept.
//   2. The second step times out. The callback says _AUTHENTICATION of the other. It weighs 6, and takes the
//      place of the former.
//   3. Another step would not mend a password. The probe ends at once, and tells the error that it has kept.
//
// A certificate that was refused ends it at once too, in the words of CertificateWatch. A name that is not
// found, or a broker that is down, may come back, and is tried until `timeout` is over.
#include "rdkafka/cluster_probe.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include <librdkafka/rdkafka.h>
#include <regex.h>

#include "base/clock.h"
#include "base/concat.h"
#include "rdkafka/asking_client.h"
#include "rdkafka/certificate_watch.h"
#include "rdkafka/client_properties.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/offset_query.h"
#include "rdkafka/rd_handles.h"

namespace penstock::rdkafka {
namespace {

struct MetadataDeleter {
  void operator()(const rd_kafka_metadata_t* metadata) const { rd_kafka_metadata_destroy(metadata); }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter>;

// The broker's errors come by callback, while the question itself only times out. The most telling is kept.
struct LastError {
  int code = 0;
  std::string reason;

  static int weight(int error_code, const std::string& error_reason) {
    switch (error_code) {
      case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return 6;
      case RD_KAFKA_RESP_ERR__SSL:
        return 5;
      case RD_KAFKA_RESP_ERR__RESOLVE:
        return 3;
      case 0:
        return 0;
      default:
        break;
    }
    if (!connection_advice(error_reason).empty()) {
      return 4;
    }
    return error_code == RD_KAFKA_RESP_ERR__TRANSPORT ? 2 : 1;
  }

  void heard(int error_code, const std::string& error_reason) {
    if (weight(error_code, error_reason) > weight(code, reason)) {
      code = error_code;
      reason = error_reason;
    }
  }
};

// The same expressions as the library's own matching: POSIX, extended.
class TopicFilter {
 public:
  static Result<std::unique_ptr<TopicFilter>> make(const source::ConsumerOptions& options) {
    std::unique_ptr<TopicFilter> filter(new TopicFilter(options));
    if (source::is_topic_pattern(options)) {
      if (regcomp(&filter->pattern_, options.topics[0].c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
        return make_error(ErrorKind::invalid_input, Action::fatal,
                          concat("source.topics_regex: \"", options.topics[0],
                                 "\" is not a POSIX extended regular expression"));
      }
      filter->compiled_ = true;
    }
    return filter;
  }
  TopicFilter(const TopicFilter&) = delete;
  TopicFilter& operator=(const TopicFilter&) = delete;
  ~TopicFilter() {
    if (compiled_) {
      regfree(&pattern_);
    }
  }

  bool matches(const std::string& topic) const {
    if (!compiled_) {
      return std::find(options_.topics.begin(), options_.topics.end(), topic) != options_.topics.end();
    }
    return topic != "__consumer_offsets" && topic != "__transaction_state" &&
           regexec(&pattern_, topic.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  explicit TopicFilter(const source::ConsumerOptions& options) : options_(options) {}

  const source::ConsumerOptions& options_;
  regex_t pattern_{};
  bool compiled_ = false;
};

class Probe {
 public:
  Probe(const source::ConsumerOptions& options, std::chrono::milliseconds timeout)
      : options_(options), timeout_(timeout), certificates_(options.tls_ca) {
    callbacks_.log = options.log;
    callbacks_.tokens = token_feed(options.auth);
    if (source::wants_tls(options)) {
      callbacks_.certificate = [this](const std::string& broker, long verify_result, Bytes certificate) {
        certificates_.refused(broker, verify_result, certificate);
      };
    }
    callbacks_.error = [this](int code, const std::string& reason) { last_error_.heard(code, reason); };
    callbacks_.rebalance = [](int, const rd_kafka_topic_partition_list_s*) {};
  }

  Result<ProbeReport> run() {
    auto properties = client_properties(options_, EndOfPartition::silent, rd_kafka_version());
    if (!properties) {
      return properties.error();
    }
    tell_of_connections(*properties);
    Result<std::unique_ptr<TopicFilter>> filter = TopicFilter::make(options_);
    if (!filter) {
      return filter.error();
    }
    if (callbacks_.tokens) {  // the library would say the same among words of its own
      if (const Result<source::BearerToken> token = callbacks_.tokens->read(); !token.ok()) {
        return token.error();
      }
    }
    Result<RdClient> client = make_client(ClientKind::consumer, *properties, callbacks_);
    if (!client) {
      return client.error();
    }
    client_ = std::move(*client);
    Result<Metadata> metadata = ask_metadata();
    if (!metadata) {
      return metadata.error();
    }
    read_brokers(**metadata);
    read_topics(**metadata, **filter);
    read_logs();
    read_group();
    return std::move(report_);
  }

 private:
  // The library would tell what it waits for after its default of 30 s, when the probe is over. And of a
  // connection that a broker closes it would say nothing, as of those that were idle.
  void tell_of_connections(std::vector<Property>& properties) const {
    const auto wait = std::max(timeout_ * 3 / 4, std::chrono::milliseconds(1000));  // its lowest value
    for (Property property :
         {Property{.name = "socket.connection.setup.timeout.ms", .value = std::to_string(wait.count())},
          Property{.name = "log.connection.close", .value = "true"}}) {
      if (!options_.passthrough.contains(property.name)) {
        properties.push_back(std::move(property));
      }
    }
  }

  // All topics are asked for: the names are matched here, and one that is absent is unknown.
  Result<Metadata> ask_metadata() {
    const MonoTime deadline = system_clock().now() + timeout_;
    for (;;) {
      const rd_kafka_metadata_t* answer = nullptr;
      const rd_kafka_resp_err_t code = rd_kafka_metadata(client_.get(), 1, nullptr, &answer, k_step_ms);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Metadata(answer);
      }
      serve_callbacks();
      if (std::optional<Error> refused = certificates_.take()) {
        return *std::move(refused);
      }
      const bool hopeless = last_error_.code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
      if (hopeless || system_clock().now() >= deadline) {
        last_error_.heard(code, "no broker answered");
        return connection_error(last_error_.code, broker_names(), last_error_.reason);
      }
    }
  }

  void serve_callbacks() {
    while (rd_kafka_message_t* message = rd_kafka_consumer_poll(client_.get(), 0)) {
      rd_kafka_message_destroy(message);
    }
  }

  std::string broker_names() const {
    std::string names;
    for (const std::string& broker : options_.brokers) {
      names += names.empty() ? broker : ", " + broker;
    }
    if (names.empty()) {
      const Result<std::string> broker = source::event_hubs_broker(options_.auth.connection_string);
      names = broker ? *broker : "the brokers";
    }
    return names;
  }

  void read_brokers(const rd_kafka_metadata_t& metadata) {
    for (int i = 0; i < metadata.broker_cnt; ++i) {
      report_.brokers.push_back(concat(metadata.brokers[i].host, ":", metadata.brokers[i].port));
    }
  }

  void read_topics(const rd_kafka_metadata_t& metadata, const TopicFilter& filter) {
    for (int i = 0; i < metadata.topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& topic = metadata.topics[i];
      if (!filter.matches(topic.topic)) {
        report_.others.emplace_back(topic.topic);
        continue;
      }
      if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        report_.topic_errors.push_back(kafka_error(topic.err, concat("topic ", topic.topic)));
        continue;
      }
      report_.topics.push_back({topic.topic, static_cast<std::size_t>(topic.partition_cnt)});
    }
    std::sort(report_.topics.begin(), report_.topics.end(),
              [](const ProbedTopic& a, const ProbedTopic& b) { return a.name < b.name; });
    if (source::is_topic_pattern(options_)) {
      return;
    }
    for (const std::string& name : options_.topics) {
      const auto same = [&](const ProbedTopic& topic) { return topic.name == name; };
      const auto named_in = [&](const Error& error) {
        return error.message.starts_with("topic " + name + ":");
      };
      if (std::none_of(report_.topics.begin(), report_.topics.end(), same) &&
          std::none_of(report_.topic_errors.begin(), report_.topic_errors.end(), named_in)) {
        report_.topic_errors.push_back(
            kafka_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, concat("topic ", name)));
      }
    }
  }

  std::vector<TopicPartition> partitions() const {
    std::vector<TopicPartition> all;
    for (const ProbedTopic& topic : report_.topics) {
      for (std::size_t i = 0; i < topic.partition_count; ++i) {
        all.push_back({topic.name, Partition{static_cast<std::int32_t>(i)}});
      }
    }
    return all;
  }

  void read_logs() {
    const std::vector<TopicPartition> all = partitions();
    const auto bounds = log_bounds(client_.get(), all, timeout_);
    if (!bounds) {
      report_.logs_error = bounds.error();
      return;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      report_.logs.emplace(all[i], (*bounds)[i]);
    }
  }

  void read_group() {
    const std::vector<TopicPartition> all = partitions();
    if (all.empty()) {
      return;
    }
    const MonoTime deadline = system_clock().now() + timeout_;
    auto committed = committed_entries(client_.get(), all, timeout_);
    while (!committed && committed.error().action == Action::retry && system_clock().now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(k_step_ms));
      committed = committed_entries(client_.get(), all, timeout_);
    }
    if (!committed) {
      report_.group_error = committed.error();
      return;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((*committed)[i]) {
        report_.committed.emplace(all[i], *std::move((*committed)[i]));
      }
    }
  }

  static constexpr int k_step_ms = 500;

  const source::ConsumerOptions& options_;
  const std::chrono::milliseconds timeout_;
  CertificateWatch certificates_;
  ClientCallbacks callbacks_;
  LastError last_error_;
  RdClient client_;
  ProbeReport report_;
};

}  // namespace

Result<ProbeReport> probe_cluster(const source::ConsumerOptions& options, std::chrono::milliseconds timeout) {
  return Probe(options, timeout).run();
}

Result<std::map<TopicPartition, Position>> positions_at_time(
    const source::ConsumerOptions& options, const std::map<TopicPartition, source::LogBounds>& logs,
    WallTime time, std::chrono::milliseconds timeout) {
  const Result<AskingClient> client = AskingClient::make(options, EndOfPartition::silent);
  if (!client) {
    return client.error();
  }
  std::vector<TopicPartition> partitions;
  for (const auto& [id, log] : logs) {
    partitions.push_back(id);
  }
  const auto time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const auto found = positions_at(client->get(), partitions, time_ms, timeout);
  if (!found) {
    return found.error();
  }
  std::map<TopicPartition, Position> positions;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    positions.emplace(partitions[i], (*found)[i].value_or(logs.at(partitions[i]).end));
  }
  return positions;
}

}  // namespace penstock::rdkafka
