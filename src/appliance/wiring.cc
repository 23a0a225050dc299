#include "appliance/wiring.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <unistd.h>

#include <penstock/penstock.h>

#include "azure/connection_string.h"
#include "azure/credential.h"
#include "azure/endpoint.h"
#include "base/concat.h"
#include "codec/blob_name.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "kafka/direct_source.h"
#include "lake/azure_store.h"
#include "lake/directory_store.h"
#include "lake/null_store.h"
#include "rdkafka/client_properties.h"
#include "rdkafka/librdkafka_source.h"

namespace penstock::appliance {
namespace {

static_assert(config::k_slab_header_bytes == stage::k_chunk_header_bytes);

// Kafka's longest topic name: what a regular expression may find.
constexpr std::size_t k_topic_bytes_max = 249;

// One worker is enough for so many partitions, whatever they carry, before another core is worth its wake-ups.
constexpr std::size_t k_partitions_per_worker = 8;

Error fault(const std::string& where, const std::string& what) {
  return make_error(ErrorKind::invalid_input, Action::fatal, concat(where, ": ", what));
}

std::string sink_prefix(const config::Settings& settings) {
  if (settings.sink.kind != config::SinkKind::azure) {
    return {};
  }
  const Result<azure::Endpoint> endpoint = azure::parse_endpoint(settings.sink.url);
  return endpoint.ok() ? endpoint->prefix : std::string();
}

Result<void> check_template(const config::Settings& settings, const config::BatchSettings& batch,
                            const std::string& key) {
  const Result<codec::PathTemplate> path = codec::PathTemplate::parse(batch.path);
  if (!path.ok()) {
    return fault(config::at(settings, key), path.error().message);
  }
  if (path->uses_partition() && batch.group_by != config::GroupBy::partition) {
    return fault(
        config::at(settings, key),
        "uses {partition}, but batches hold many partitions; write group_by: partition, or leave it out");
  }
  std::size_t topic_bytes = settings.source.topics.empty() ? k_topic_bytes_max : 0;
  for (const std::string& topic : settings.source.topics) {
    topic_bytes = std::max(topic_bytes, topic.size());
  }
  const std::size_t longest = path->name_bytes_max(topic_bytes, sink_prefix(settings));
  if (longest > codec::k_blob_name_bytes_max) {
    return fault(config::at(settings, key),
                 concat("can give a blob name of ", longest, " bytes; the limit is ",
                        codec::k_blob_name_bytes_max, ": use {topic} less often, or a shorter path"));
  }
  return {};
}

codec::Compression compression_of(config::Compression compression) {
  switch (compression) {
    case config::Compression::none:
      return codec::Compression::none;
    case config::Compression::gzip:
      return codec::Compression::gzip;
    case config::Compression::zstd:
      return codec::Compression::zstd;
  }
  return codec::Compression::none;
}

source::Auth auth_of(const config::SourceAuth& auth) {
  source::Auth out;
  switch (auth.type) {
    case config::SourceAuthType::none:
      break;
    case config::SourceAuthType::connection_string:
      out.type = source::AuthType::event_hubs;
      out.connection_string = auth.value.reveal();
      break;
    case config::SourceAuthType::sasl_plain:
      out.type = source::AuthType::sasl_plain;
      break;
    case config::SourceAuthType::sasl_scram_256:
      out.type = source::AuthType::sasl_scram_256;
      break;
    case config::SourceAuthType::sasl_scram_512:
      out.type = source::AuthType::sasl_scram_512;
      break;
    case config::SourceAuthType::oauthbearer:
      out.type = source::AuthType::oauthbearer;
      out.token_file = auth.token_file;
      break;
  }
  out.user = auth.username;
  out.password = auth.password.reveal();
  return out;
}

source::StartPoint start_of(const config::SourceSettings& source) {
  switch (source.start) {
    case config::StartFrom::earliest:
      return {.at = source::StartAt::earliest};
    case config::StartFrom::latest:
      return {.at = source::StartAt::latest};
    case config::StartFrom::time:
      break;
  }
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::milliseconds>(source.start_time.time_since_epoch());
  return {.at = source::StartAt::timestamp, .timestamp_ms = since_epoch.count()};
}

Result<azure::Credential> credential_of(const config::SinkAuth& auth, const azure::Endpoint& endpoint) {
  switch (auth.type) {
    case config::SinkAuthType::shared_key: {
      auto key =
          azure::make_shared_key(auth.account.empty() ? endpoint.account : auth.account, auth.key.reveal());
      if (!key.ok()) {
        return std::move(key).error();
      }
      return azure::Credential(std::move(key).value());
    }
    case config::SinkAuthType::connection_string: {
      auto parsed = azure::parse_connection_string(auth.value.reveal());
      if (!parsed.ok()) {
        return std::move(parsed).error();
      }
      return std::move(parsed->credential);
    }
    case config::SinkAuthType::sas: {
      auto sas = azure::make_sas(auth.token.reveal());
      if (!sas.ok()) {
        return std::move(sas).error();
      }
      return azure::Credential(std::move(sas).value());
    }
    case config::SinkAuthType::none:
      break;
  }
  return make_error(ErrorKind::invalid_input, Action::fatal, "sink.auth is needed for a sink in Azure");
}

Result<lake::AzureOptions> azure_options(const config::Settings& settings) {
  Result<azure::Endpoint> endpoint = azure::parse_endpoint(settings.sink.url);
  if (!endpoint.ok()) {
    return fault(config::at(settings, "sink.url"), endpoint.error().message);
  }
  Result<azure::Credential> credential = credential_of(settings.sink.auth, *endpoint);
  if (!credential.ok()) {
    return fault(config::at(settings, "sink.auth"), credential.error().message);
  }
  lake::AzureOptions options{
      .endpoint = std::move(endpoint).value(), .credential = std::move(credential).value(), .http = {}};
  options.http.connections_max = settings.sink.connections;
  options.http.user_agent = concat("penstock/", version());
  return options;
}

Result<std::unique_ptr<lake::BlobStore>> make_azure_store(const config::Settings& settings, io::Loop& loop,
                                                          const Clock& clock) {
  Result<lake::AzureOptions> options = azure_options(settings);
  if (!options.ok()) {
    return std::move(options).error();
  }
  auto store = lake::AzureBlobStore::create(std::move(options).value(), loop, clock);
  if (!store.ok()) {
    return std::move(store).error();
  }
  return std::unique_ptr<lake::BlobStore>(std::move(store).value());
}

}  // namespace

Result<void> check_whole(const config::Settings& settings) {
  Result<void> checked = check_template(settings, settings.batch, "batch.path");
  for (std::size_t i = 0; checked.ok() && i < settings.overrides.size(); ++i) {
    checked = check_template(settings, settings.overrides[i].batch, concat("overrides[", i, "].batch.path"));
  }
  if (checked.ok() && settings.sink.kind == config::SinkKind::azure) {
    if (const Result<lake::AzureOptions> options = azure_options(settings); !options.ok()) {
      checked = options.error();
    }
  }
  if (checked.ok() && settings.source.fetch == config::Fetch::direct) {
    if (const std::string why_not = kafka::why_not_direct(kafka_options(settings, 0)); !why_not.empty()) {
      checked = fault(config::at(settings, "source.fetch"),
                      concat("direct is not possible: ", why_not, "; write auto, or remove that property"));
    }
  }
  if (checked.ok() && settings.guarantee == config::Guarantee::exactly_once) {
    if (const FetchChoice fetch = fetch_choice(settings); !fetch.direct) {
      checked =
          fault(config::at(settings, "guarantee"),
                concat("exactly_once needs commits of our own, and records are fetched by librdkafka, as ",
                       fetch.reason, "; write at_least_once, or remove that"));
    }
  }
  if (checked.ok()) {
    constexpr int k_any_library_version = 0;  // the properties that every version has
    const Result<std::vector<rdkafka::Property>> properties = rdkafka::client_properties(
        kafka_options(settings, 0), rdkafka::EndOfPartition::silent, k_any_library_version);
    if (!properties.ok()) {
      checked = fault(config::at(settings, "source"), properties.error().message);
    }
  }
  return checked;
}

Result<std::uint32_t> worker_count(const config::Settings& settings, std::uint32_t cpus,
                                   std::size_t partitions) {
  if (settings.runtime.workers) {
    return *settings.runtime.workers;
  }
  const std::uint32_t fit =
      config::workers_that_fit(settings.runtime.memory, settings.sink.block_bytes, settings.sink.connections,
                               settings.source.topics.size());
  const auto wanted =
      static_cast<std::uint32_t>((partitions + k_partitions_per_worker - 1) / k_partitions_per_worker);
  const std::uint32_t stage_fits = static_cast<std::uint32_t>(
      settings.stage.max_bytes / config::stage_bytes_min(1, settings.sink.block_bytes));
  return std::clamp(wanted, std::uint32_t{1}, std::max(std::min({cpus, fit, stage_fits}), std::uint32_t{1}));
}

Result<config::MemoryPlan> memory_plan(const config::Settings& settings, std::uint32_t workers) {
  Result<config::MemoryPlan> plan =
      config::plan_memory(settings.runtime.memory, workers, settings.sink.block_bytes,
                          settings.sink.connections, settings.source.topics.size());
  if (!plan.ok()) {
    return fault(config::at(settings, "runtime.memory"), plan.error().message);
  }
  return plan;
}

std::string sink_identity(const config::Settings& settings) {
  std::string place = settings.sink.url;
  if (settings.sink.kind == config::SinkKind::azure) {
    if (const Result<azure::Endpoint> endpoint = azure::parse_endpoint(settings.sink.url); endpoint.ok()) {
      place = concat(endpoint->account, "/", endpoint->container, "/", endpoint->prefix);
    }
  } else if (settings.sink.kind == config::SinkKind::directory) {
    place = settings.sink.directory;
  }
  const crypto::Sha256 hash = crypto::sha256(as_bytes(place));
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    text += k_digits[static_cast<std::size_t>(hash[i] >> 4)];
    text += k_digits[static_cast<std::size_t>(hash[i] & std::byte{15})];
  }
  return text;
}

namespace {

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
  options.on_data_loss =
      source.on_data_loss == config::OnDataLoss::stop ? source::OnDataLoss::stop : source::OnDataLoss::go_on;
  options.group_instance_id = group_instance_id(settings, worker);
  options.client_id = concat("penstock-", settings.name, "-w", worker);
  options.fetch_wait = std::chrono::duration_cast<std::chrono::milliseconds>(config::fetch_wait(settings));
  for (const auto& [key, value] : source.librdkafka) {
    options.passthrough[key] = value.reveal();
  }
  options.log = [worker](int level, const std::string& text) {
    obs::log(level <= 3 ? obs::Level::warning : obs::Level::debug, text,
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

Result<std::unique_ptr<source::Source>> make_source(
    const config::Settings& settings, std::uint32_t worker,
    const std::optional<std::map<TopicPartition, Position>>& end_marks, io::Loop& loop, const Clock& clock) {
  if (!fetch_choice(settings).direct) {
    rdkafka::LibrdkafkaSourceOptions options;
    options.client = kafka_options(settings, worker);
    options.end_marks = end_marks;
    return std::unique_ptr<source::Source>(new rdkafka::LibrdkafkaSource(loop, clock, std::move(options)));
  }
  kafka::DirectSourceOptions options;
  options.client = kafka_options(settings, worker);
  options.batch_bytes_max = settings.source.max_batch_bytes;
  options.commit_timeout = settings.source.fence_wait / 2;
  options.end_marks = end_marks;
  return std::unique_ptr<source::Source>(new kafka::DirectSource(loop, clock, std::move(options)));
}

Result<pipeline::TopicPlan> topic_plan(const config::Settings& settings, const std::string& topic) {
  const config::BatchSettings& batch = settings.batch_for(topic);
  Result<codec::PathTemplate> path = codec::PathTemplate::parse(batch.path);
  if (!path.ok()) {
    return std::move(path).error();
  }
  return pipeline::TopicPlan{.topic = topic,
                             .max_age = batch.max_age,
                             .max_bytes = batch.max_bytes,
                             .by_partition = batch.group_by == config::GroupBy::partition,
                             .format = {.compression = compression_of(batch.compression)},
                             .path = std::move(path).value()};
}

Result<std::unique_ptr<lake::BlobStore>> make_store(const config::Settings& settings, io::Loop& loop,
                                                    const Clock& clock) {
  switch (settings.sink.kind) {
    case config::SinkKind::null_store:
      return std::unique_ptr<lake::BlobStore>(new lake::NullBlobStore(loop));
    case config::SinkKind::directory: {
      auto store = lake::DirectoryBlobStore::create(settings.sink.directory, loop);
      if (!store.ok()) {
        return std::move(store).error();
      }
      return std::unique_ptr<lake::BlobStore>(std::move(store).value());
    }
    case config::SinkKind::azure:
      break;
  }
  return make_azure_store(settings, loop, clock);
}

Result<std::unique_ptr<lake::BlobStore>> open_store_to_read(const config::Settings& settings, io::Loop& loop,
                                                            const Clock& clock) {
  if (settings.sink.kind != config::SinkKind::directory) {
    return make_store(settings, loop, clock);
  }
  auto store = lake::DirectoryBlobStore::open_to_read(settings.sink.directory, loop);
  if (!store.ok()) {
    return std::move(store).error();
  }
  return std::unique_ptr<lake::BlobStore>(std::move(store).value());
}

pipeline::WorkerOptions worker_options(const config::Settings& settings, std::uint32_t worker,
                                       std::uint32_t workers, const config::MemoryPlan& memory) {
  pipeline::WorkerOptions options;
  options.index = worker;
  options.group = settings.source.group;
  options.slab_count = memory.slabs_per_worker;
  options.slab_bytes = memory.slab_bytes;
  options.block_bytes = settings.sink.block_bytes;
  options.connections = settings.sink.connections;
  options.stage.dir = concat(settings.stage.dir, "/", settings.name, "/worker-", worker);
  options.stage.bytes_max = settings.stage.max_bytes / workers;
  options.stage.segment_bytes = config::k_segment_bytes;
  options.stage.slab_bytes = memory.slab_bytes;
  options.loop = loop_options(settings);
  options.protocol = {.guarantee = settings.guarantee == config::Guarantee::exactly_once
                                       ? ledger::Guarantee::exactly_once
                                       : ledger::Guarantee::at_least_once,
                      .sink = sink_identity(settings),
                      .fence_wait = settings.source.fence_wait};
  options.pins_start = settings.source.start != config::StartFrom::earliest;
  options.drain_timeout = settings.drain_timeout;
  options.random = [] { return crypto::random_u64(); };
  return options;
}

io::LoopOptions loop_options(const config::Settings& settings) {
  io::LoopOptions options;
  switch (settings.runtime.io) {
    case config::Io::best:
      options.choice = io::Choice::best;
      break;
    case config::Io::io_uring:
      options.choice = io::Choice::io_uring;
      break;
    case config::Io::portable:
      options.choice = io::Choice::portable;
      break;
  }
  return options;
}

obs::LogOptions log_options(const config::Settings& settings) {
  obs::LogOptions options;
  switch (settings.log.level) {
    case config::LogLevel::trace:
    case config::LogLevel::debug:
      options.level = obs::Level::debug;
      break;
    case config::LogLevel::info:
      options.level = obs::Level::info;
      break;
    case config::LogLevel::warn:
      options.level = obs::Level::warning;
      break;
    case config::LogLevel::error:
      options.level = obs::Level::error;
      break;
  }
  options.format =
      settings.log.format == config::LogFormat::json ? obs::LogFormat::json : obs::LogFormat::text;
  return options;
}

std::string admin_address(const config::Settings& settings) {
  if (settings.admin.host.empty()) {
    return "none";
  }
  const bool v6 = settings.admin.host.find(':') != std::string::npos;
  return v6 ? concat("[", settings.admin.host, "]:", settings.admin.port)
            : concat(settings.admin.host, ":", settings.admin.port);
}

}  // namespace penstock::appliance
