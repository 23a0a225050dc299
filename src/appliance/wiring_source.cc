// How it works. A configuration becomes what a source is started with: brokers, group, topics, and who the
// member is. The last is the worked case, for source.instance: auto on host "node-7", worker 0 of "gateway":
//
//   1. The host's name, the machine's id and the absolute path of stage.dir are hashed to 8 digits. Two
//      processes on a host have two stage directories, as each is locked, so that they are two members.
//   2. The member is gateway-node-7-<8 digits>-w0. After a restart it is the same one, and no partition
//      moves.
//   3. A clean stop leaves the group (leaves_group), so that nobody waits for a member that will not come
//      back.
//
// A name in source.instance takes the place of host and hash, and such a member stays after a stop.
#include "appliance/wiring_source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include <unistd.h>

#include "appliance/tokens.h"
#include "base/concat.h"
#include "base/foreign_limits.h"
#include "base/hex.h"
#include "codec/schema_framing.h"
#include "crypto/hash.h"
#include "kafka/broker_access.h"
#include "kafka/direct_source.h"
#include "obs/log.h"
#include "rdkafka/librdkafka_source.h"
#include "rdkafka/rd_membership.h"
#include "source/bounded_source.h"
#include "source/moving_source.h"
#include "source/wanted_source.h"

namespace penstock::appliance {
namespace {

using std::chrono::milliseconds;

// validate() has seen to it that nothing is written that the type has no use for.
source::Auth auth_of(const config::SourceAuth& auth) {
  const config::Secret& secret = auth.type == source::AuthType::event_hubs ? auth.value : auth.password;
  return source::Auth{.type = auth.type,
                      .user = auth.username,
                      .password = auth.password.reveal(),
                      .secret_now = secret.may_change() ? [secret] { return secret.current(); }
                                                        : std::function<std::string()>(),
                      .connection_string = auth.value.reveal(),
                      .token_file = auth.token_file,
                      .tokens = {}};
}

source::StartPoint start_of(const config::SourceSettings& source) {
  const auto since_epoch = std::chrono::duration_cast<milliseconds>(source.start_time.time_since_epoch());
  source::StartPoint start{.at = source.start, .timestamp_ms = since_epoch.count()};
  if (source.ranges) {
    for (const auto& [id, range] : *source.ranges) {
      start.given.emplace(id, range.first);
    }
  }
  return start;
}

// Topics share a source, so one that wants headers has them read of all.
RecordHeaders headers_of(const config::Settings& settings) {
  const auto wants = [](const config::BatchSettings& batch) {
    return batch.judges_records() || batch.format == config::Format::capture_avro ||
           batch.format == config::Format::parquet ||
           (batch.format == config::Format::envelope &&
            (batch.envelope_fields.has(EnvelopeField::headers) ||
             (batch.decode != config::Decode::none && codec::reads_headers(batch.framing))));
  };
  const bool wanted =
      wants(settings.batch) || std::any_of(settings.overrides.begin(), settings.overrides.end(),
                                           [&](const config::Override& entry) { return wants(entry.batch); });
  return wanted ? RecordHeaders::wanted : RecordHeaders::skipped;
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

// Stays when the host gets another name, and may be the same on machines that were copied. Empty where there
// is none.
std::string machine_id() {
  std::ifstream file("/etc/machine-id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::string instance_of(const config::Settings& settings) {
  if (settings.source.instance != "auto") {
    return settings.source.instance;
  }
  const std::filesystem::path stage = std::filesystem::absolute(settings.stage.dir) / settings.name;
  return auto_instance(host_name(), machine_id(), stage.lexically_normal().string());
}

std::string group_instance_id(const config::Settings& settings, std::uint32_t worker) {
  if (settings.source.instance == "none") {
    return {};
  }
  return concat(settings.name, "-", instance_of(settings), "-w", worker);
}

std::unique_ptr<source::Source> make_librdkafka_source(const config::Settings& settings, std::uint32_t worker,
                                                       const EndMarks& end_marks, io::Loop& loop,
                                                       const Clock& clock) {
  source::SourceOptions options;
  options.consumer = kafka_options(settings, worker);
  options.headers = headers_of(settings);
  options.end_marks = end_marks;
  if (leaves_group(settings, end_marks)) {
    options.consumer.group_instance_id.clear();  // a static member of librdkafka never leaves
  }
  return std::make_unique<rdkafka::LibrdkafkaSource>(loop, clock, std::move(options));
}

std::unique_ptr<source::Source> make_direct_source(const config::Settings& settings, std::uint32_t worker,
                                                   const EndMarks& end_marks, io::Loop& loop,
                                                   const Clock& clock) {
  kafka::DirectSourceOptions options;
  options.consumer = kafka_options(settings, worker);
  options.headers = headers_of(settings);
  options.join = rdkafka::join_by_librdkafka(options.consumer, loop);
  options.batch_bytes_max = settings.source.max_batch_bytes;
  options.commit_timeout = settings.source.fence_wait / 2;
  options.end_marks = end_marks;
  options.leaves_group = leaves_group(settings, end_marks);
  return std::make_unique<kafka::DirectSource>(loop, clock, std::move(options));
}

}  // namespace

std::string auto_instance(std::string_view host, std::string_view machine, std::string_view stage) {
  constexpr std::size_t k_host_bytes_max = 64;
  constexpr std::size_t k_hash_bytes = 4;
  std::string text(host.substr(0, k_host_bytes_max));
  for (char& c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-') {
      c = '-';
    }
  }
  text += '-';
  const crypto::Sha256 hash = crypto::sha256(as_bytes(concat(host, "\n", machine, "\n", stage)));
  return text + to_hex(Bytes(hash).first(k_hash_bytes));
}

bool leaves_group(const config::Settings& settings, const EndMarks& end_marks) {
  return settings.source.instance == "auto" || end_marks.has_value();
}

source::ConsumerOptions kafka_options(const config::Settings& settings, std::uint32_t worker) {
  const config::SourceSettings& source = settings.source;
  source::ConsumerOptions options;
  options.brokers = source.brokers;
  options.auth = auth_of(source.auth);
  options.auth.tokens = token_supply(settings);
  options.tls = config::uses_tls(source) ? source::Tls::enabled : source::Tls::disabled;
  options.tls_ca = source.tls.ca;
  options.tls_certificate = source.tls.certificate;
  options.tls_key = source.tls.key;
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
  std::unique_ptr<source::Source> made =
      fetch_choice(settings).direct ? make_direct_source(settings, worker, end_marks, loop, clock)
                                    : make_librdkafka_source(settings, worker, end_marks, loop, clock);
  if (settings.source.moves) {
    return std::unique_ptr<source::Source>(
        std::make_unique<source::MovingSource>(std::move(made), *settings.source.moves));
  }
  if (!settings.source.ranges) {
    return made;
  }
  if (settings.source.wanted) {
    made = std::make_unique<source::WantedSource>(std::move(made), settings.source.wanted);
  }
  std::map<TopicPartition, Position> ends;
  for (const auto& [id, range] : *settings.source.ranges) {
    ends.emplace(id, range.next);
  }
  return std::unique_ptr<source::Source>(
      std::make_unique<source::BoundedSource>(std::move(made), std::move(ends)));
}

}  // namespace penstock::appliance
