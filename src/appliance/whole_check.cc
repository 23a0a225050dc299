#include "appliance/whole_check.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "appliance/fault_at.h"
#include "appliance/wiring_source.h"
#include "appliance/wiring_store.h"
#include "azure/endpoint.h"
#include "base/concat.h"
#include "base/foreign_limits.h"
#include "codec/blob_name.h"
#include "config/names.h"
#include "kafka/broker_access.h"
#include "kafka/direct_source.h"
#include "rdkafka/client_properties.h"

namespace penstock::appliance {
namespace {

// Stands in front of every blob's name.
std::string sink_prefix(const config::Settings& settings) {
  if (settings.sink.kind != config::SinkKind::azure) {
    return {};
  }
  const Result<azure::Endpoint> endpoint = azure::parse_endpoint(settings.sink.url);
  return endpoint.ok() ? endpoint->prefix : std::string();
}

// A regular expression may find a topic of any name, so the longest that Kafka allows counts.
std::size_t topic_bytes_max(const config::Settings& settings) {
  std::size_t longest = settings.source.topics.empty() ? k_topic_bytes_max : 0;
  for (const std::string& topic : settings.source.topics) {
    longest = std::max(longest, topic.size());
  }
  return longest;
}

Result<void> check_path(const config::Settings& settings, const config::BatchSettings& batch,
                        const std::string& key) {
  const Result<codec::PathTemplate> path = codec::PathTemplate::parse(batch.path);
  if (!path.ok()) {
    return fault_at(settings, key, path.error().message);
  }
  if (path->uses_partition() && batch.group_by != config::GroupBy::partition) {
    return fault_at(
        settings, key,
        "uses {partition}, but batches hold many partitions; write group_by: partition, or leave it out");
  }
  const std::size_t longest = path->name_bytes_max(topic_bytes_max(settings), sink_prefix(settings));
  if (longest > codec::k_blob_name_bytes_max) {
    return fault_at(settings, key,
                    concat("can give a blob name of ", longest, " bytes; the limit is ",
                           codec::k_blob_name_bytes_max, ": use {topic} less often, or a shorter path"));
  }
  return {};
}

Result<void> check_paths(const config::Settings& settings) {
  Result<void> checked = check_path(settings, settings.batch, "batch.path");
  for (std::size_t i = 0; checked.ok() && i < settings.overrides.size(); ++i) {
    checked = check_path(settings, settings.overrides[i].batch, concat("overrides[", i, "].batch.path"));
  }
  return checked;
}

Result<void> check_sink_options(const config::Settings& settings) {
  if (settings.sink.kind == config::SinkKind::azure) {
    if (const Result<lake::AzureOptions> options = azure_options(settings); !options.ok()) {
      return options.error();
    }
  }
  return {};
}

Result<void> check_fetch(const config::Settings& settings) {
  if (settings.source.fetch == config::Fetch::direct) {
    if (const std::string why_not = kafka::why_not_direct(kafka_options(settings, 0)); !why_not.empty()) {
      return fault_at(settings, "source.fetch",
                      concat("direct is not possible: ", why_not, "; write auto, or remove that property"));
    }
  }
  return {};
}

Result<void> check_guarantee(const config::Settings& settings) {
  if (settings.guarantee == ledger::Guarantee::exactly_once) {
    if (const FetchChoice fetch = fetch_choice(settings); !fetch.direct) {
      return fault_at(
          settings, "guarantee",
          concat("exactly_once needs commits of our own, and records are fetched by librdkafka, as ",
                 fetch.reason, "; write at_least_once, or remove that"));
    }
  }
  return {};
}

Result<void> check_client_properties(const config::Settings& settings) {
  constexpr int k_any_library_version = 0;  // the properties that every version has
  const Result<std::vector<rdkafka::Property>> properties = rdkafka::client_properties(
      kafka_options(settings, 0), rdkafka::EndOfPartition::silent, k_any_library_version);
  return properties.ok() ? Result<void>() : fault_at(settings, "source", properties.error().message);
}

}  // namespace

Result<void> check_whole(const config::Settings& settings) {
  for (const auto check :
       {check_paths, check_sink_options, check_fetch, check_guarantee, check_client_properties}) {
    if (Result<void> checked = check(settings); !checked.ok()) {
      return checked;
    }
  }
  return {};
}

}  // namespace penstock::appliance
