// How it works
//
// Each check asks the module that will use a part of the configuration, by the function that it will use, and
// gives the first fault the key's file and line. The order is that of a file. For example, a topic "_x" with
// the default batch.path: check_topic_names() makes the topic's plan as a worker would. The plan is refused,
// as readers skip files below "_x", and the user reads
//
//   x.yaml:3: source.topics: holds _x: its files would have a name that ...; write another batch.path
//
// A topic that an expression finds later is judged by the same plan, then, and is left out alone.
#include "appliance/whole_check.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "appliance/credential_ends.h"
#include "appliance/fault_at.h"
#include "appliance/name_check.h"
#include "appliance/wiring.h"
#include "appliance/wiring_source.h"
#include "appliance/wiring_store.h"
#include "base/concat.h"
#include "base/foreign_limits.h"
#include "base/letter_case.h"
#include "base/units.h"
#include "codec/blob_name.h"
#include "config/names.h"
#include "crypto/own_certificate.h"
#include "crypto/tls_context.h"
#include "kafka/broker_access.h"
#include "kafka/direct_source.h"
#include "rdkafka/client_properties.h"
#include "source/consumer_options.h"

namespace penstock::appliance {
namespace {

Result<void> check_path(const config::Settings& settings, const config::BatchSettings& batch,
                        const std::string& key) {
  const Result<codec::PathTemplate> path = path_template(settings, batch);
  if (!path.ok()) {
    return fault_at(settings, key, path.error().message);
  }
  if (path->uses_partition() && batch.group_by != config::GroupBy::partition) {
    return fault_at(
        settings, key,
        "uses {partition}, but batches hold many partitions; write group_by: partition, or leave it out");
  }
  // The shortest topic there is: what the template alone has too much of. Topics have checks of their own.
  const std::string fault = name_fault_of(settings, *path, "t");
  return fault.empty()
             ? Result<void>()
             : fault_at(settings, key, concat("gives a file a name that ", fault, "; write another one"));
}

Result<void> check_paths(const config::Settings& settings) {
  Result<void> checked = check_path(settings, settings.batch, "batch.path");
  for (std::size_t i = 0; checked.ok() && i < settings.overrides.size(); ++i) {
    checked = check_path(settings, settings.overrides[i].batch, concat("overrides[", i, "].batch.path"));
  }
  return checked;
}

// Of topics that an expression finds, the plan of each says it (topic_plan()).
Result<void> check_topic_names(const config::Settings& settings) {
  for (const std::string& topic : settings.source.topics) {
    if (const Result<pipeline::TopicPlan> plan = topic_plan(settings, topic); !plan.ok()) {
      return fault_at(settings, "source.topics", concat("holds ", topic, ": ", plan.error().message));
    }
  }
  return {};
}

Result<void> check_sink_name(const config::Settings& settings) {
  const std::string fault = sink_name_fault(settings);
  return fault.empty() ? Result<void>() : fault_at(settings, "sink.url", fault);
}

Result<void> check_sink_options(const config::Settings& settings) {
  if (settings.sink.kind == config::SinkKind::azure) {
    if (const Result<lake::AzureOptions> options = azure_options(settings); !options.ok()) {
      return options.error();
    }
  }
  return {};
}

Result<void> check_signatures(const config::Settings& settings) {
  return check_credential_times(settings, system_clock().wall_now());
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
  if (!properties.ok()) {
    return fault_at(settings, "source", properties.error().message);
  }
  const Result<void> known = rdkafka::check_properties(*properties);
  return known.ok() ? known : fault_at(settings, "source.librdkafka", known.error().message);
}

Result<void> check_certificates(const config::Settings& settings) {
  if (!config::uses_tls(settings.source)) {
    return {};
  }
  const auto read = crypto::TlsContext::make({.ca = settings.source.tls.ca});
  if (!read.ok()) {
    return fault_at(settings, "source.tls.ca", read.error().message);
  }
  const auto fault = crypto::own_certificate_fault(
      {.certificate = settings.source.tls.certificate, .key = settings.source.tls.key});
  if (fault) {
    const bool is_key = fault->file == crypto::OwnCertificateFault::File::key;
    return fault_at(settings, is_key ? "source.tls.key" : "source.tls.certificate", fault->error.message);
  }
  return {};
}

// Links are followed as far as the path is there.
std::filesystem::path real_path(const std::string& path) {
  std::error_code unknown;
  std::filesystem::path real = std::filesystem::weakly_canonical(path, unknown);
  return unknown ? std::filesystem::path(path).lexically_normal() : real;
}

// Whoever reads the lake would take the stage's files for data.
Result<void> check_stage_outside_lake(const config::Settings& settings) {
  if (settings.sink.kind != config::SinkKind::directory) {
    return {};
  }
  const std::filesystem::path from_lake = real_path(concat(settings.stage.dir, "/", settings.name))
                                              .lexically_relative(real_path(settings.sink.directory));
  if (from_lake.empty() || *from_lake.begin() == "..") {
    return {};
  }
  return fault_at(settings, "stage.dir",
                  concat("puts the stage into the lake, ", settings.sink.directory,
                         ", where its files would be taken for data; name a directory outside of it"));
}

}  // namespace

Result<void> check_whole(const config::Settings& settings) {
  for (const auto check : {check_paths, check_sink_options, check_signatures, check_sink_name,
                           check_topic_names, check_certificates, check_fetch, check_guarantee,
                           check_client_properties, check_stage_outside_lake}) {
    if (Result<void> checked = check(settings); !checked.ok()) {
      return checked;
    }
  }
  return {};
}

// The key of a hub opens no other. Somebody may have written the name behind a namespace's key, so that it is
// a doubt only.
std::vector<std::string> doubts_of_entity(const config::Settings& settings) {
  const config::SourceSettings& source = settings.source;
  const std::string hub = source.auth.type == source::AuthType::event_hubs
                              ? source::event_hubs_entity(source.auth.value.reveal())
                              : std::string();
  std::vector<std::string> found;
  if (hub.empty()) {
    return found;
  }
  const auto others = [&](const std::string& what) {
    found.push_back(concat(config::at(settings, "source.auth.value"), ": names the hub ", hub,
                           " (EntityPath), whose key opens no other, and ", what,
                           ". Copy the connection string of the namespace, if the brokers refuse it"));
  };
  if (!source.topics_regex.empty()) {
    others("source.topics_regex may find others");
  } else if (const auto other = std::ranges::find_if(
                 source.topics, [&](const std::string& topic) { return !same_word(topic, hub); });
             other != source.topics.end()) {
    others(concat("source.topics has ", *other));
  }
  return found;
}

// The lake of such a topic cannot be made whole again once its records have left Kafka.
std::vector<std::string> doubts_of_values(const config::Settings& settings) {
  std::vector<std::string> found;
  const auto look = [&](const config::BatchSettings& batch, const std::string& key) {
    if (batch.format == config::Format::envelope && !batch.envelope_fields.has(EnvelopeField::value)) {
      found.push_back(concat(config::at(settings, key),
                             ": leaves out value: no value of a record lands. Add value to the list, unless "
                             "nobody will ask for one"));
    }
  };
  look(settings.batch, "batch.envelope_fields");
  for (std::size_t i = 0; i < settings.overrides.size(); ++i) {
    look(settings.overrides[i].batch, concat("overrides[", i, "].batch.envelope_fields"));
  }
  return found;
}

std::vector<std::string> doubts(const config::Settings& settings) {
  std::vector<std::string> found = doubts_of_entity(settings);
  for (std::string& sentence : doubts_of_values(settings)) {
    found.push_back(std::move(sentence));
  }
  if (settings.guarantee == ledger::Guarantee::exactly_once &&
      settings.source.fence_wait < k_fence_wait_safe) {
    found.push_back(concat(config::at(settings, "source.fence_wait"), ": is ",
                           format_duration(settings.source.fence_wait), ", and exactly_once rests on ",
                           format_duration(k_fence_wait_safe),
                           " or more: a commit that a network delays for longer can bring records twice. "
                           "Remove the line, but in tests"));
  }
  for (std::string& sentence : ends_soon(settings, system_clock().wall_now())) {
    found.push_back(std::move(sentence));
  }
  return found;
}

std::optional<std::string> outside_state_directory(const config::Settings& settings,
                                                   const char* state_directory) {
  const std::string_view given = state_directory != nullptr ? state_directory : "";
  if (given.empty()) {
    return std::nullopt;
  }
  const std::filesystem::path stage =
      std::filesystem::path(concat(settings.stage.dir, "/", settings.name)).lexically_normal();
  for (std::size_t begin = 0; begin <= given.size();) {
    const std::size_t end = std::min(given.find(':', begin), given.size());
    const std::filesystem::path from =
        stage.lexically_relative(std::filesystem::path(given.substr(begin, end - begin)).lexically_normal());
    if (!from.empty() && *from.begin() != "..") {
      return std::nullopt;
    }
    begin = end + 1;
  }
  return concat("systemd gives this unit the directory ", given, ", and the stage is to be in ",
                stage.string(),
                ", outside of it, where the unit may not be allowed to write: give name and stage.dir values "
                "that lead into it");
}

}  // namespace penstock::appliance
