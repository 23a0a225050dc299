// What the configuration says, typed and checked: a plain struct per section. Made by load.h. `appliance`
// fills each module's own Options from it, and no module below `appliance` ever sees it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/envelope_fields.h"
#include "base/types.h"
#include "codec/avro_schema.h"
#include "codec/compressor.h"
#include "codec/schema_framing.h"
#include "codec/value_schema.h"
#include "config/memory_plan.h"
#include "config/secret.h"
#include "config/topic_pattern.h"
#include "identity/options.h"
#include "io/loop.h"
#include "ledger/guarantee.h"
#include "obs/log_format.h"
#include "source/consumer_options.h"
#include "source/position_move.h"
#include "source/wanted_source.h"

namespace penstock::config {

// Words whose meaning ends with the configuration. Those that a module acts on are the module's own
// (codec::Compression).
enum class Fetch : std::uint8_t { best, direct, librdkafka };
enum class GroupBy : std::uint8_t { topic, partition };
enum class BatchClock : std::uint8_t { wall, record };
enum class Format : std::uint8_t { ndjson, envelope, capture_avro, parquet };
enum class Validate : std::uint8_t { none, json };
enum class Decode : std::uint8_t { none, avro, json };
enum class Columns : std::uint8_t { fields, records };
enum class SinkKind : std::uint8_t { azure, directory, null_store };
enum class SinkAuthType : std::uint8_t { none, shared_key, connection_string, sas, entra };

// Who we are to Entra. Of AuthType::entra and SinkAuthType::entra.
struct IdentitySettings {
  identity::Kind kind = identity::Kind::best;
  // As in identity::Options.
  std::string tenant_id;
  std::string client_id;
  std::string object_id;
  std::string resource_id;
  Secret client_secret;
  // Absolute paths.
  std::string certificate_file;
  std::string token_file;
  // Without a '/' at its end. Empty: the environment says it.
  std::string authority;
  // "system", or an absolute path.
  std::string authority_ca;
};

struct SourceAuth {
  source::AuthType type = source::AuthType::none;
  // Of event_hubs: the whole connection string.
  Secret value;
  // Of the sasl types, with the password.
  std::string username;
  Secret password;
  // Of oauthbearer, and of entra: an absolute path.
  std::string token_file;
  // Of entra. Its token_file is the one above.
  IdentitySettings identity;
  // Of entra: what the tokens are for. Empty: the first broker's namespace.
  std::string scope;
};

struct Tls {
  // None: uses_tls() decides.
  std::optional<bool> enabled;
  // "system", or the path of a file of certificates.
  std::string ca = "system";
  // Paths of PEM files; both or neither.
  std::string certificate;
  std::string key;
};

struct SourceSettings {
  // "host:port".
  std::vector<std::string> brokers;
  // Names. Empty if there is a topics_regex.
  std::vector<std::string> topics;
  // Begins with '^'. Empty if there are topics.
  std::string topics_regex;
  std::string group;
  // "auto", "none", or a name.
  std::string instance = "auto";
  source::StartAt start = source::StartAt::earliest;
  // Of StartAt::timestamp.
  WallTime start_time;
  // Of `penstock replay`, and by no key: what is read of each partition, and nothing else is. Start is then
  // StartAt::given.
  std::optional<std::map<TopicPartition, Range>> ranges;
  // Of `penstock replay --from-quarantine`, likewise: of `ranges` these records alone. Null: all.
  std::shared_ptr<const source::WantedOffsets> wanted;
  // Of `penstock offsets set`, and by no key: the positions that are set. Nothing is read.
  std::optional<std::map<TopicPartition, source::PositionMove>> moves;
  source::OnDataLoss on_data_loss = source::OnDataLoss::stop;
  Duration fence_wait{};
  SourceAuth auth;
  Tls tls;
  Fetch fetch = Fetch::best;
  // None: config::fetch_wait() decides.
  std::optional<Duration> fetch_wait;
  // The largest Kafka batch that is accepted.
  std::uint64_t max_batch_bytes = 0;
  // Properties as they were written. They are secrets, since ssl.key.password may be among them.
  std::map<std::string, Secret> librdkafka;
};

struct BatchSettings {
  Duration max_age{};
  // A file that has fewer bytes than these at its max_age stays open, at the longest for small_max_age.
  // 0: none does.
  std::uint64_t min_bytes = 0;
  Duration small_max_age{};
  // Of the blob, as stored.
  std::uint64_t max_bytes = 0;
  GroupBy group_by = GroupBy::topic;
  Format format = Format::ndjson;
  // Of capture_avro: a file for a partition that was silent.
  bool empty_files = false;
  EnvelopeFields envelope_fields = EnvelopeFields::all();
  Decode decode = Decode::none;
  // Of Decode::avro: the one schema of the values. Null where batch.schema is none of Avro, and where each
  // value's id names its own.
  std::shared_ptr<const codec::AvroSchema> schema;
  bool schema_by_id = false;
  // batch.schema in every way that it can be read. Null: there is none.
  std::shared_ptr<const codec::ValueSchema> value_schema;
  // Of schema_by_id: whether each field is a column, or each type of record, with its fields in it.
  Columns columns = Columns::fields;
  codec::SchemaFraming framing = codec::SchemaFraming::none;
  codec::Compression compression = codec::Compression::none;
  Validate validate = Validate::none;
  // Of a record's value. None: any.
  std::optional<std::uint64_t> max_record_bytes = {};
  // As written. codec::PathTemplate parses it.
  std::string path;
  // Whose time is in the path.
  BatchClock clock = BatchClock::wall;

  // The age at which a file is closed, however small it is.
  Duration longest_age() const { return min_bytes == 0 ? max_age : small_max_age; }

  // Whether each value is read by the schema that its id names, of whichever kind that is.
  bool decodes_by_id() const { return decode != Decode::none && schema_by_id; }

  // Whether values become columns, and those follow from batch.schema alone.
  bool has_table() const { return format == Format::parquet && decode != Decode::none && !schema_by_id; }
  // Only then.
  const codec::Table& table() const {
    return decode == Decode::avro ? *value_schema->table_of_avro : *value_schema->table_of_json;
  }

  // Whether records may go to the quarantine.
  bool judges_records() const { return validate != Validate::none || max_record_bytes.has_value(); }
};

struct Override {
  TopicPattern match;
  // Whole: the general settings with this entry's changes.
  BatchSettings batch;
};

struct SinkAuth {
  SinkAuthType type = SinkAuthType::none;
  // Of shared_key. Empty: the account that the url names.
  std::string account;
  // Of shared_key, in base64.
  Secret key;
  // Of connection_string: the whole of it.
  Secret value;
  // Of sas, as it was written: perhaps with a leading '?'.
  Secret token;
  // Of entra.
  IdentitySettings identity;
};

struct SinkSettings {
  // As written.
  std::string url;
  SinkKind kind = SinkKind::azure;
  // Of SinkKind::directory: an absolute path.
  std::string directory;
  SinkAuth auth;
  // Of SinkKind::azure: "system", or an absolute path.
  std::string tls_ca;
  std::uint64_t block_bytes = 0;
  // Per worker.
  std::uint32_t connections = 0;
};

// The schema registry, where a batch's schemas are found by their ids.
struct RegistrySettings {
  // Whose it is. none: there is none.
  codec::SchemaFraming type = codec::SchemaFraming::none;
  // Without a '/' at its end. Empty with SchemaFraming::azure: registry_url() decides.
  std::string url;
  // Not of SchemaFraming::azure, to which a token of Entra is shown. Both or neither.
  std::string username;
  Secret password;
  // Of a bearer, in place of these.
  Secret token;
  // "system", or an absolute path.
  std::string tls_ca;
  Duration patience{};
};

struct StageSettings {
  std::string dir;
  // Of all workers together.
  std::uint64_t max_bytes = 0;
};

struct RuntimeSettings {
  // None: appliance::worker_count() decides.
  std::optional<std::uint32_t> workers;
  std::uint64_t memory = 0;
  io::Choice io = io::Choice::best;
};

struct AdminSettings {
  // Without the brackets of IPv6. Empty: nothing listens.
  std::string host;
  std::uint16_t port = 0;
  // Who asks for anything but the probes shows it. Empty: nobody is asked.
  Secret token{};
  // /healthz and /readyz are answered without it.
  bool open_probes = true;
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
  RegistrySettings registry;
  StageSettings stage;
  RuntimeSettings runtime;
  ledger::Guarantee guarantee = ledger::Guarantee::exactly_once;
  AdminSettings admin;
  LogSettings log;
  Duration drain_timeout{};

  // Where it was read, for messages.
  std::string file;
  // The line of each key that was written: "batch.path", "overrides[0].batch.path".
  std::map<std::string, int> lines;
  // What was written at each key, before anything was drawn from outside. A secret is not in it.
  std::map<std::string, std::string> shown;

  // The first override whose pattern matches, else the general settings.
  const BatchSettings& batch_for(const std::string& topic) const;
};

// Whether a broker is of Event Hubs: by its name, or as it has port 9093 and the auth is a connection string
// (the Event Hubs emulator is on 9092, without TLS).
bool has_event_hubs(const SourceSettings& source);

// Whether files of Parquet may be written.
bool writes_parquet(const Settings& settings);
// Whether values become columns in some of them.
bool writes_tables(const Settings& settings);
// What a worker takes for its formats, and for schemas of a registry.
EncoderMemory encoder_memory(const Settings& settings);

// Whether schemas may be asked for at the registry.
bool uses_registry(const Settings& settings);

// As written; else the first broker's namespace of Event Hubs.
std::string registry_url(const Settings& settings);

// Who asks a registry of Azure: the identity of the source, else of the sink, where that is one of Entra;
// else the one that the environment gives.
IdentitySettings registry_identity(const Settings& settings);

// What {namespace} in batch.path stands for: the first label of the first broker's host, of an address all of
// it, with '-' for ':'.
std::string namespace_of(const SourceSettings& source);

// Whether the first broker names a namespace of Event Hubs, from which the scope of tokens follows.
bool names_event_hubs(const SourceSettings& source);

// Whether to speak TLS to the brokers: as written; else with Event Hubs, and when tokens of Entra are shown.
bool uses_tls(const SourceSettings& source);

// How long a fetch may wait for more bytes: as written; else 1 % of the shortest max_age, at most 500 ms.
Duration fetch_wait(const Settings& settings);

// The line that the key was written at; for one that was not, that of its section, or 1.
int line_of(const Settings& settings, std::string_view path);

// "conf/x.yaml:12: batch.path", to put before a message about that key.
std::string at(const Settings& settings, std::string_view path);

}  // namespace penstock::config
