// What the configuration says, typed and checked: a plain struct per section. Made by load.h. `appliance` fills each
// module's own Options from it, and no module below `appliance` ever sees it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/compressor.h"
#include "config/secret.h"
#include "config/topic_pattern.h"
#include "io/loop.h"
#include "ledger/guarantee.h"
#include "obs/log_format.h"
#include "source/consumer_options.h"

namespace penstock::config {

// Words whose meaning ends with the configuration. Those that a module acts on are the module's own (codec::Compression).
enum class Fetch : std::uint8_t { best, direct, librdkafka };
enum class GroupBy : std::uint8_t { topic, partition };
enum class Format : std::uint8_t { ndjson };
enum class SinkKind : std::uint8_t { azure, directory, null_store };
enum class SinkAuthType : std::uint8_t { none, shared_key, connection_string, sas };

struct SourceAuth {
  source::AuthType type = source::AuthType::none;
  Secret value;          // event_hubs: the whole connection string
  std::string username;  // the sasl types
  Secret password;
  std::string token_file;  // oauthbearer: an absolute path
};

struct Tls {
  std::optional<bool> enabled;  // none: see uses_tls()
  std::string ca = "system";    // or a file of certificates
};

struct SourceSettings {
  std::vector<std::string> brokers;  // host:port
  std::vector<std::string> topics;   // names; empty with topics_regex
  std::string topics_regex;          // begins with '^'; empty with topics
  std::string group;
  std::string instance = "auto";  // or "none", or a name
  source::StartAt start = source::StartAt::earliest;
  WallTime start_time;  // only with StartAt::timestamp
  source::OnDataLoss on_data_loss = source::OnDataLoss::stop;
  Duration fence_wait{};
  SourceAuth auth;
  Tls tls;
  Fetch fetch = Fetch::best;
  std::optional<Duration> fetch_wait;        // none: see fetch_wait()
  std::uint64_t max_batch_bytes = 0;         // the largest Kafka batch that is accepted
  std::map<std::string, Secret> librdkafka;  // secrets, since ssl.key.password is among them
};

struct BatchSettings {
  Duration max_age{};
  std::uint64_t max_bytes = 0;  // of the blob, as stored
  GroupBy group_by = GroupBy::topic;
  Format format = Format::ndjson;
  codec::Compression compression = codec::Compression::none;
  std::string path;  // codec::PathTemplate parses it
};

struct Override {
  TopicPattern match;
  BatchSettings batch;  // whole: the general settings with this entry's changes
};

struct SinkAuth {
  SinkAuthType type = SinkAuthType::none;
  std::string account;  // shared_key; empty: as the url says
  Secret key;           // shared_key, base64
  Secret value;         // connection_string
  Secret token;         // sas, without a leading '?'
};

struct SinkSettings {
  std::string url;  // as written
  SinkKind kind = SinkKind::azure;
  std::string directory;  // SinkKind::directory: the absolute path
  SinkAuth auth;
  std::uint64_t block_bytes = 0;
  std::uint32_t connections = 0;  // per worker
};

struct StageSettings {
  std::string dir;
  std::uint64_t max_bytes = 0;  // of all workers together
};

struct RuntimeSettings {
  std::optional<std::uint32_t> workers;  // none: appliance::worker_count() decides
  std::uint64_t memory = 0;
  io::Choice io = io::Choice::best;
};

struct AdminSettings {
  std::string host;  // without the brackets of IPv6; empty: nothing listens
  std::uint16_t port = 0;
};

struct LogSettings {
  obs::Level level = obs::Level::info;
  obs::LogFormat format = obs::LogFormat::text;
};

struct Settings {
  std::string name;
  SourceSettings source;
  BatchSettings batch;
  std::vector<Override> overrides;
  SinkSettings sink;
  StageSettings stage;
  RuntimeSettings runtime;
  ledger::Guarantee guarantee = ledger::Guarantee::exactly_once;
  AdminSettings admin;
  LogSettings log;
  Duration drain_timeout{};

  std::string file;                  // where it was read, for messages
  std::map<std::string, int> lines;  // of each key that was written: "batch.path", "overrides[0].batch.path"

  // The first override whose pattern matches, else the general settings.
  const BatchSettings& batch_for(const std::string& topic) const;
};

// Whether to speak TLS to the brokers: as written; else when a broker is of Event Hubs by its name, or has
// port 9093 and the auth is a connection string (the Event Hubs emulator is on 9092, without TLS).
bool uses_tls(const SourceSettings& source);

// How long a fetch may wait for more bytes: as written; else 1 % of the shortest max_age, at most 500 ms.
Duration fetch_wait(const Settings& settings);

// The line that the key was written at; for one that was not, that of its section, or 1.
int line_of(const Settings& settings, std::string_view path);

// "conf/x.yaml:12: batch.path", to put before a message about that key.
std::string at(const Settings& settings, std::string_view path);

}  // namespace penstock::config
