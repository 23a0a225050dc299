// How it works
//
// k_keys has a row per key. Its `parse` reads the written value into the field of Settings that the key
// stands for. The readers (readers.h) take it by its kind and the row's limits; what else must hold of it is
// a check_ function that returns a complaint. The row's other fields are what people read: the reference
// page, and "write ..." in messages.
//
// For example, `sink: {connections: 100}`:
// 1. load.cc finds the row "sink.connections" and calls its `parse` with the node "100".
// 2. read_count() reads 100, which is outside of the row's limits of 1 and 64.
// 3. It returns "is outside its limits; write 1 to 64", and leaves settings.sink.connections at the default.
//    That is the row's `fallback`, "4", which went through the same function before.
// 4. The report puts the file, the line and the key in front.
//
// Words that stand for a value of an enum are a Choice. The enum is that of the module that acts on it, so
// that a value reaches its module as it was read.
#include "config/keys.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/units.h"
#include "config/addresses.h"
#include "config/document.h"
#include "config/memory_plan.h"
#include "config/names.h"
#include "config/passthrough.h"
#include "config/readers.h"
#include "config/settings.h"

namespace penstock::config {
namespace {

constexpr std::uint64_t k_ms = 1'000'000;
constexpr std::uint64_t k_s = 1'000 * k_ms;
constexpr std::uint64_t k_m = 60 * k_s;
constexpr std::uint64_t k_h = 60 * k_m;

template <class Enum>
constexpr Choice choice(std::string_view word, Enum value) {
  return Choice{.word = word, .value = static_cast<int>(value), .availability = Availability::now};
}

// A word that is planned: whoever writes it is told that this version does not have it.
constexpr Choice later(std::string_view word) {
  return Choice{.word = word, .value = 0, .availability = Availability::later};
}

constexpr Choice k_on_data_loss[] = {choice("stop", source::OnDataLoss::stop),
                                     choice("continue", source::OnDataLoss::go_on)};
constexpr Choice k_source_auth[] = {
    choice("none", source::AuthType::none),
    choice("connection-string", source::AuthType::event_hubs),
    choice("sasl-plain", source::AuthType::sasl_plain),
    choice("sasl-scram-256", source::AuthType::sasl_scram_256),
    choice("sasl-scram-512", source::AuthType::sasl_scram_512),
    choice("oauthbearer", source::AuthType::oauthbearer),
    later("entra"),
};
constexpr Choice k_tls[] = {choice("auto", -1), choice("true", 1), choice("false", 0)};
constexpr Choice k_fetch[] = {choice("auto", Fetch::best), choice("direct", Fetch::direct),
                              choice("librdkafka", Fetch::librdkafka)};
constexpr Choice k_group_by[] = {choice("topic", GroupBy::topic), choice("partition", GroupBy::partition)};
constexpr Choice k_format[] = {choice("ndjson", Format::ndjson), later("envelope"), later("capture-avro")};
constexpr Choice k_compression[] = {choice("none", codec::Compression::none),
                                    choice("gzip", codec::Compression::gzip),
                                    choice("zstd", codec::Compression::zstd)};
constexpr Choice k_validate[] = {choice("none", 0), later("json")};
constexpr Choice k_sink_auth[] = {
    choice("none", SinkAuthType::none),
    choice("shared-key", SinkAuthType::shared_key),
    choice("connection-string", SinkAuthType::connection_string),
    choice("sas", SinkAuthType::sas),
    later("client-secret"),
    later("managed-identity"),
    later("workload-identity"),
};
constexpr Choice k_io[] = {choice("best", io::Choice::best), choice("io_uring", io::Choice::io_uring),
                           choice("portable", io::Choice::portable)};
constexpr Choice k_guarantee[] = {choice("exactly_once", ledger::Guarantee::exactly_once),
                                  choice("at_least_once", ledger::Guarantee::at_least_once)};
// There is nothing finer than debug in our own log.
constexpr Choice k_log_level[] = {choice("trace", obs::Level::debug), choice("debug", obs::Level::debug),
                                  choice("info", obs::Level::info), choice("warn", obs::Level::warning),
                                  choice("error", obs::Level::error)};
constexpr Choice k_log_format[] = {choice("text", obs::LogFormat::text),
                                   choice("json", obs::LogFormat::json)};

// Reads a text and keeps it if `check` has nothing against it.
template <class Check>
Complaint read_checked(const Node& node, std::string& out, Check check) {
  std::string text;
  Complaint complaint = read_text(node, text);
  if (complaint.empty()) {
    complaint = check(text);
  }
  if (complaint.empty()) {
    out = std::move(text);
  }
  return complaint;
}

template <class Check>
Complaint read_checked_list(const Node& node, std::vector<std::string>& out, Check check) {
  std::vector<std::string> items;
  Complaint complaint = read_list(node, items);
  if (complaint.empty()) {
    complaint = check(items);
  }
  if (complaint.empty()) {
    out = std::move(items);
  }
  return complaint;
}

Complaint read_start(const Node& node, SourceSettings& out) {
  std::string text;
  if (Complaint complaint = read_text(node, text); !complaint.empty()) {
    return complaint;
  }
  if (text == "earliest" || text == "latest") {
    out.start = text == "earliest" ? source::StartAt::earliest : source::StartAt::latest;
    return {};
  }
  Complaint complaint = read_time(text, out.start_time);
  if (complaint.empty()) {
    out.start = source::StartAt::timestamp;
  }
  return complaint;
}

Complaint read_tls(const Key& key, const Node& node, Tls& out) {
  int value = 0;
  Complaint complaint = read_choice(key, node, value);
  if (complaint.empty()) {
    out.enabled = value < 0 ? std::nullopt : std::optional<bool>(value == 1);
  }
  return complaint;
}

// The portal shows the token with the '?' of a url.
Complaint read_sas_token(const Node& node, Secret& out) {
  Secret written;
  Complaint complaint = read_secret(node, written);
  if (complaint.empty()) {
    const std::string& token = written.reveal();
    out = Secret(token.substr(token.starts_with('?') ? 1 : 0));
  }
  return complaint;
}

constexpr Key k_keys[] = {
    {.path = "name",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "none, it is required",
     .allowed = "1 to 100 letters, digits, '.', '_' and '-'",
     .help = "The deployment's name. It names the consumer group (unless source.group does), labels the "
             "metrics, and is the directory below stage.dir. Two deployments on one machine need two "
             "names.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           return read_checked(node, s.name, [](const std::string& v) { return check_name(v); });
         }},

    {.path = "source.brokers",
     .kind = Kind::list,
     .since = "0.1",
     .fallback_note = "none, it is required",
     .allowed = "a list of host:port",
     .help = "Where to find the Kafka cluster. One broker is enough to find the others; with two or "
             "three in the list one of them may be down. For Event Hubs it is the namespace: "
             "`contoso.servicebus.windows.net:9093`. One text with commas between the brokers is taken "
             "too, so that a variable can hold them.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked_list(node, s.source.brokers, check_brokers); }},
    {.path = "source.topics",
     .kind = Kind::list,
     .since = "0.1",
     .fallback_note = "none, this or source.topics_regex is required",
     .allowed = "a list of topic names",
     .help = "The topics to read, by name. With at most 16 topics memory is divided into larger slabs, "
             "which cost less CPU per byte (see runtime.memory).",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked_list(node, s.source.topics, check_topics); }},
    {.path = "source.topics_regex",
     .kind = Kind::text,
     .since = "0.1",
     .allowed = "a POSIX extended regular expression that begins with ^",
     .help = "In place of source.topics: every topic whose name matches is read. A topic that is made "
             "later is found within some minutes. `^svc-` matches all names that begin with svc-. Put $ "
             "at the end to match whole names.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.topics_regex, check_topics_regex); }},
    {.path = "source.group",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "penstock-<name>",
     .allowed = "1 to 256 visible ASCII characters",
     .help = "The consumer group that holds the positions. Instances that share it share the partitions. "
             "A new group starts where source.start says.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           return read_checked(node, s.source.group, [](const std::string& v) { return check_group(v); });
         }},
    {.path = "source.instance",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "auto",
     .allowed = "auto, none, or 1 to 180 letters, digits, '.', '_' and '-'",
     .help = "What tells this machine from the others of the group. Its workers are static members of "
             "the group under this name, so that a restart within the session timeout moves no "
             "partition. `auto` is the host's name. Two instances of one configuration on one host need "
             "a name each. With `none` the workers are new members after every start.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.instance, check_instance); }},
    {.path = "source.start",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "earliest",
     .allowed = "earliest, latest, or a time in UTC such as 2026-01-31T00:00:00Z",
     .help = "Where a partition starts if the group has no position for it. A position that exists is "
             "never moved.",
     .parse = [](const Key&, const Node& node, Settings& s) { return read_start(node, s.source); }},
    {.path = "source.on_data_loss",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "stop",
     .choices = k_on_data_loss,
     .help = "What to do when the records at the group's position are gone, because retention was "
             "shorter than an outage, or because the topic was deleted and made anew. `stop` stops that "
             "partition with an error that names both offsets. `continue` goes on at the nearest end of "
             "the log and counts the gap.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.source.on_data_loss); }},
    {.path = "source.fence_wait",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "10s",
     .limits = {100 * k_ms, 10 * k_m},
     .help = "How long a lost request may still be on its way to the group's coordinator. exactly_once "
             "rests on it: nothing is published for so long after partitions were assigned. Write a "
             "shorter time only in tests. It has no effect with at_least_once.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.source.fence_wait); }},
    {.path = "source.auth.type",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_source_auth,
     .help = "How to log in to the brokers. `connection-string` is for Event Hubs (with Listen rights) "
             "and needs `value`. The sasl types need `username` and `password`. `oauthbearer` needs "
             "`token_file`.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.source.auth.type); }},
    {.path = "source.auth.value",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "an Event Hubs connection string, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "The whole connection string, of the namespace or of one event hub: "
             "`Endpoint=sb://...;SharedAccessKeyName=...;SharedAccessKey=...`. Only with "
             "`connection-string`.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_secret(node, s.source.auth.value); }},
    {.path = "source.auth.username",
     .kind = Kind::text,
     .since = "0.1",
     .allowed = "a text",
     .help = "The user to log in as. Only with the sasl types.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_text(node, s.source.auth.username); }},
    {.path = "source.auth.password",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "a secret, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "The user's password. Only with the sasl types.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_secret(node, s.source.auth.password); }},
    {.path = "source.auth.token_file",
     .kind = Kind::text,
     .since = "0.1",
     .allowed = "an absolute path",
     .help = "The file that holds a bearer token (a JSON Web Token). Something else keeps it fresh, such "
             "as the sidecar of a workload identity. The file is read whenever a token is needed: at "
             "every login, and before a session at the broker ends. Only with `oauthbearer`.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.auth.token_file, check_directory); }},
    {.path = "source.tls.enabled",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "auto",
     .choices = k_tls,
     .help = "Whether to speak TLS to the brokers. `auto` does so for Event Hubs, which is a broker of "
             "servicebus.windows.net, or port 9093 with a connection string. For all others it does not.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_tls(key, node, s.source.tls); }},
    {.path = "source.tls.ca",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "system",
     .allowed = "system, or the absolute path of a PEM file",
     .help = "What the brokers' certificates are checked against: the certificate authorities of this "
             "machine, or those in a file.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.tls.ca, check_certificates); }},
    {.path = "source.fetch",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "auto",
     .choices = k_fetch,
     .help = "Who fetches the records and writes the offsets. `direct`: penstock, over its own "
             "connections, with librdkafka only as the member of the group. `librdkafka`: librdkafka "
             "alone, which costs two to three times the CPU and needs guarantee: at_least_once. `auto` "
             "is direct, unless source.librdkafka sets something that only librdkafka's own connections "
             "follow (`ssl.*`, `sasl.*`).",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.source.fetch); }},
    {.path = "source.fetch_wait",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "auto",
     .limits = {0, 30 * k_s},
     .word = "auto",
     .help = "How long a broker may hold back its answer to a fetch until it has more records to send. "
             "Longer costs less CPU, since a wake-up costs more than the bytes it brings, and delays the "
             "records by as much. `auto` is 1 % of the shortest batch.max_age, at most 500ms.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.source.fetch_wait); }},
    // 100 MiB is beyond what any broker takes by default (1 MiB), and what a worker's share of memory can
    // hold at once.
    {.path = "source.max_batch_bytes",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "16MiB",
     .limits = {1 * k_mib, 100 * k_mib},
     .help = "The largest Kafka batch that is accepted, as the producer sent it. At a larger one the "
             "partition stops with an error. A batch above 16MiB takes its memory in addition to "
             "runtime.memory.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.source.max_batch_bytes); }},
    {.path = "source.librdkafka",
     .kind = Kind::mapping,
     .since = "0.1",
     .allowed = "a mapping of librdkafka's properties, such as {session.timeout.ms: 45000}",
     .help = "Properties that are passed to librdkafka as they are. Those that penstock sets itself are "
             "refused: commits, offsets, the assignor, memory, auth.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_passthrough(node, s.source.librdkafka); }},

    {.path = "batch.max_age",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "60s",
     .limits = {1 * k_s, 24 * k_h},
     .help = "A file is closed and published when its first record is this old. A record is in the lake "
             "at the latest this long after it was read, plus the time of the upload.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.batch.max_age); }},
    // The largest blob: 50,000 blocks of 4,000 MiB are 190 TiB.
    {.path = "batch.max_bytes",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "256MiB",
     .limits = {1 * k_kib, 190 * k_tib},
     .help = "A file is closed and published before it would grow beyond this size. With compression it "
             "is the compressed size that counts. Memory does not depend on it, as full blocks are "
             "uploaded while the file is open. At most 50,000 x sink.block_bytes.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.batch.max_bytes); }},
    {.path = "batch.group_by",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "topic",
     .choices = k_group_by,
     .help = "`topic` puts all partitions of a topic that a worker reads into one file. `partition` "
             "makes a file per partition.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.group_by); }},
    {.path = "batch.format",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "ndjson",
     .choices = k_format,
     .help = "`ndjson`: the value's bytes as the producer sent them, then a line feed. CR and LF inside a "
             "value become spaces (in JSON they can only be white space); empty values are skipped and "
             "counted.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.format); }},
    {.path = "batch.compression",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_compression,
     .help = "How files are compressed. `none` ends their names with .txt, `gzip` with .txt.gz, `zstd` "
             "with .txt.zst. A compressed file cannot be split by its readers, so keep it below 256MiB.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.compression); }},
    {.path = "batch.validate",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_validate,
     .help = "Whether records are parsed before they are written. In this version they never are.",
     .parse =
         [](const Key& key, const Node& node, Settings&) {
           int ignored = 0;
           return read_choice(key, node, ignored);
         }},
    {.path = "batch.path",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "{topic}/{yyyy}/{MM}/{dd}/{HH}/{topic}-{yyyy}{MM}{dd}T{HH}{mm}{ss}Z",
     .allowed = "a template of {topic} {partition} {yyyy} {MM} {dd} {HH} {mm} {ss}",
     .help = "The name of a file below sink.url. Times are UTC, of the moment when the file was opened. "
             "What tells the writer apart, a counter and the extension follow the name, so that no two "
             "names are equal. `{partition}` is allowed only with group_by: partition. Write the "
             "template in quotes.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.batch.path, check_path_template); }},

    {.path = "overrides",
     .kind = Kind::overrides,
     .since = "0.1",
     .allowed = "a list of {match: <regular expression>, batch: {...}}",
     .help = "Other batch settings for some topics. `match` is a POSIX extended regular expression that "
             "is looked for anywhere in a topic's name; `^` and `$` bind it to the ends. The first entry "
             "that matches applies. Its `batch` may hold any key of batch; for the others the general "
             "settings hold."},

    {.path = "sink.url",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "none, it is required",
     .allowed = "https://<account>.blob.core.windows.net/<container>/<prefix>, file:///<directory>, or null:",
     .help = "Where the files go: a container of Azure Blob Storage or ADLS Gen2 (by its blob endpoint), "
             "a local directory, or nowhere (`null:` counts and forgets, for measurements). http:// is "
             "taken for emulators.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           std::string url;
           return read_checked(node, url, [&](const std::string& v) { return read_sink_url(v, s.sink); });
         }},
    {.path = "sink.auth.type",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_sink_auth,
     .help = "How to log in to the storage account. `shared-key` needs `key`, `connection-string` needs "
             "`value`, `sas` needs `token` (with the rights read, add, create, write and list). A "
             "directory needs none.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.sink.auth.type); }},
    {.path = "sink.auth.account",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "the account that sink.url names",
     .allowed = "a text",
     .help = "The storage account's name, if the url does not begin with it (a private endpoint with a "
             "name of its own). Only with `shared-key`.",
     .parse = [](const Key&, const Node& node, Settings& s) { return read_text(node, s.sink.auth.account); }},
    {.path = "sink.auth.key",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "a secret, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "One of the account's two keys, as Azure shows it (base64). Only with `shared-key`.",
     .parse = [](const Key&, const Node& node, Settings& s) { return read_secret(node, s.sink.auth.key); }},
    {.path = "sink.auth.value",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "a secret, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "The account's connection string. Only with `connection-string`.",
     .parse = [](const Key&, const Node& node, Settings& s) { return read_secret(node, s.sink.auth.value); }},
    {.path = "sink.auth.token",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "a secret, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "A shared access signature for the container, with or without its leading '?'. Only with `sas`.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_sas_token(node, s.sink.auth.token); }},
    // 4,000 MiB is the service's largest block. Below 64 KiB a request costs more than its bytes.
    {.path = "sink.block_bytes",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "8MiB",
     .limits = {64 * k_kib, 4000 * k_mib},
     .help = "Files are uploaded in blocks of this size. A file of one block is a single request. Above "
             "4MiB the service takes its fast path. Each worker holds two blocks in memory.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.sink.block_bytes); }},
    {.path = "sink.connections",
     .kind = Kind::count,
     .since = "0.1",
     .fallback = "4",
     .limits = {1, 64},
     .help = "How many requests to the storage a worker makes at the same time. Each takes 1MiB of "
             "runtime.memory.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_count(key, node, s.sink.connections); }},

    {.path = "stage.dir",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "/var/lib/penstock",
     .allowed = "an absolute path",
     .help = "Where batches are kept on disk until they are published. It should be local NVMe or SSD, "
             "with ext4 or XFS. A directory of the deployment's name is made in it.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.stage.dir, check_directory); }},
    {.path = "stage.max_bytes",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "20GiB",
     .limits = {2 * k_segment_bytes, 1024 * k_tib},
     .help = "How much of the disk the stage may take, all workers together. When it is full no more "
             "records are read, and Kafka keeps them. At 3.5 MB/s the default lasts through an outage of "
             "an hour and a half. Each worker needs at least 128MiB, and four blocks.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.stage.max_bytes); }},

    {.path = "runtime.workers",
     .kind = Kind::count,
     .since = "0.1",
     .fallback = "auto",
     .limits = {1, 256},
     .word = "auto",
     .help = "Threads that read and write. Each has its own consumer, ring and memory. `auto` takes one "
             "per 8 partitions, but no more than the CPUs that are allowed, and no more than "
             "runtime.memory and stage.max_bytes have room for; at least 1. One is enough for 1 GB/s.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_count(key, node, s.runtime.workers); }},
    {.path = "runtime.memory",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "192MiB",
     .limits = {64 * k_mib, 1 * k_tib},
     .help = "All the memory that the process may take: 24MiB for itself, and for each worker 28MiB for "
             "the Kafka client and 1MiB per connection. What is left becomes slabs, which hold the "
             "records. A worker needs slabs for two blocks and a little more. The slabs are taken at the "
             "start and stay as they are.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.runtime.memory); }},
    {.path = "runtime.io",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "best",
     .choices = k_io,
     .help = "How files are written and connections served. `best` takes io_uring where the kernel "
             "grants it, and threads elsewhere. `io_uring` refuses to start without it. `portable` takes "
             "threads.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.runtime.io); }},

    {.path = "guarantee",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "exactly_once",
     .choices = k_guarantee,
     .help = "`exactly_once`: every record is in exactly one file, whatever crashes. A file is claimed "
             "in the group's offsets before it is published. This needs source.fetch: direct, and a "
             "broker that returns the metadata of offsets (`penstock check` tries it). `at_least_once`: "
             "after a crash the last files may be written a second time under other names.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.guarantee); }},

    {.path = "admin.listen",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "127.0.0.1:9464",
     .allowed = "address:port, or none",
     .help = "Where metrics and health are served, without a password. Keep it on loopback, or write "
             "0.0.0.0:9464 where the network is guarded by other means, as in a pod. Port 0 takes any "
             "free one. `none` listens nowhere.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           std::string text;
           return read_checked(node, text, [&](const std::string& v) { return read_listen(v, s.admin); });
         }},

    {.path = "log.level",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "info",
     .choices = k_log_level,
     .help = "Lines that are less important than this are not written. `trace` is the same as `debug`.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.log.level); }},
    {.path = "log.format",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "text",
     .choices = k_log_format,
     .help = "`text` for people; `json` for collectors, an object per line.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.log.format); }},

    // A rebalance waits for it, and librdkafka leaves the group after max.poll.interval.ms (5 minutes).
    {.path = "drain_timeout",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "20s",
     .limits = {1 * k_s, 4 * k_m},
     .help = "How long a worker may go on publishing what it has read when partitions move to another "
             "worker. What is not published by then is read again. A stop is different: it waits for as "
             "long as publishing takes, and a second signal or the service manager ends it.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.drain_timeout); }},
};

}  // namespace

std::span<const Key> all_keys() {
  return k_keys;
}

const Key* find_key(std::string_view path) {
  const auto* const found =
      std::find_if(std::begin(k_keys), std::end(k_keys), [&](const Key& key) { return key.path == path; });
  return found == std::end(k_keys) ? nullptr : found;
}

bool is_section(std::string_view path) {
  return std::any_of(std::begin(k_keys), std::end(k_keys), [&](const Key& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) && key.path[path.size()] == '.';
  });
}

}  // namespace penstock::config
