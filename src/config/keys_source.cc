// The rows of `source` in the table of keys (keys.cc).
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "codec/decompressor.h"
#include "config/addresses.h"
#include "config/document.h"
#include "config/key_rows.h"
#include "config/names.h"
#include "config/passthrough.h"
#include "config/readers.h"
#include "config/settings.h"

namespace penstock::config {
namespace {

constexpr Choice k_on_data_loss[] = {choice("stop", source::OnDataLoss::stop),
                                     choice("continue", source::OnDataLoss::go_on)};
constexpr Choice k_source_auth[] = {
    choice("none", source::AuthType::none),
    choice("connection-string", source::AuthType::event_hubs),
    choice("sasl-plain", source::AuthType::sasl_plain),
    choice("sasl-scram-256", source::AuthType::sasl_scram_256),
    choice("sasl-scram-512", source::AuthType::sasl_scram_512),
    choice("oauthbearer", source::AuthType::oauthbearer),
    choice("entra", identity::Kind::best),
    choice("managed-identity", identity::Kind::managed_identity),
    choice("workload-identity", identity::Kind::workload_identity),
    choice("client-secret", identity::Kind::client_secret),
    choice("client-certificate", identity::Kind::client_certificate),
};
constexpr Choice k_tls[] = {choice("auto", -1), choice("true", 1), choice("false", 0)};
constexpr Choice k_fetch[] = {choice("auto", Fetch::best), choice("direct", Fetch::direct),
                              choice("librdkafka", Fetch::librdkafka)};

Complaint read_start(const Node& node, SourceSettings& out) {
  std::string text;
  if (Complaint complaint = read_text(node, text); !complaint.empty()) {
    return complaint;
  }
  if (text == "earliest" || text == "latest") {
    out.start = text == "earliest" ? source::StartAt::earliest : source::StartAt::latest;
    return {};
  }
  if (!read_time(text, out.start_time).empty()) {
    return "is no place to start; write earliest, latest, or a time in UTC such as 2026-01-31T00:00:00Z";
  }
  out.start = source::StartAt::timestamp;
  return {};
}

Complaint read_tls(const Key& key, const Node& node, Tls& out) {
  int value = 0;
  Complaint complaint = read_choice(key, node, value);
  if (complaint.empty()) {
    out.enabled = value < 0 ? std::nullopt : std::optional<bool>(value == 1);
  }
  return complaint;
}

constexpr Key k_reading_keys[] = {
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
     .help =
         "In place of source.topics: every topic whose name matches is read. A topic that is made "
         "later is found within a minute. `^svc-` matches all names that begin with svc-. Put $ "
         "at the end to match whole names. A digit is [0-9] or [[:digit:]]: \\d is refused. A topic whose "
         "files cannot have the name that batch.path gives them is not read, and /readyz says why.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.topics_regex, check_topics_regex); }},
    {.path = "source.group",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "penstock-<name>",
     .allowed = "1 to 256 visible ASCII characters",
     .help = "The consumer group that holds the positions. Instances that share it share the partitions. "
             "A new group starts where source.start says. Brokers forget the positions of a group that "
             "was away for longer than their `offsets.retention.minutes` (7 days by default), and it is a "
             "new group then: with source.start: earliest what was landed before is landed again. After "
             "such an absence set the group's positions by hand before the start, to where the files end: "
             "`penstock verify` shows that for each partition.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           return read_checked(node, s.source.group, [](const std::string& v) { return check_group(v); });
         }},
    {.path = "source.instance",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "auto",
     .allowed = "auto, none, or 1 to 180 letters, digits, '.', '_' and '-'",
     .help = "What tells this process from the others of the group. Its workers are static members of the "
             "group under this name, so that a restart within the session timeout (30 s) moves no partition. "
             "`auto` is the host's name and a hash of the stage's directory: several processes on one host "
             "differ, and a restart on the same host and stage is the same member. After a clean stop it "
             "leaves the group, so that others take over at once. (With `source.fetch: librdkafka` an `auto` "
             "worker is a new member after every start.) A name of your own stays a member after a stop, "
             "until the session timeout is over. Two processes with one name are the same member: the later "
             "one takes over, and the earlier one exits 2. With `none` the workers are new members after "
             "every start.",
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
             "partition with an error that names both offsets. `continue` goes on and says so: at the "
             "start of the log, or where a log was cut by an election. With `source.fetch: librdkafka` no "
             "topic's id is known: a topic that was made anew is noticed only where its log is shorter "
             "than the position.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.source.on_data_loss); }},
    {.path = "source.fence_wait",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "10s",
     .limits = {100 * k_ms, 10 * k_m},
     .help = "How long a lost request may still be on its way to the group's coordinator. exactly_once "
             "rests on it: nothing is published for so long after partitions were assigned. Write a "
             "shorter time only in tests: `run` and `check` warn of it. It has no effect with at_least_once.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.source.fence_wait); }},
};

constexpr Key k_login_keys[] = {
    {.path = "source.auth.type",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_source_auth,
     .help = "How to log in to the brokers. `connection-string` is for Event Hubs (with Listen rights) "
             "and needs `value`. The sasl types need `username` and `password`. `oauthbearer` needs "
             "`token_file`. With the others penstock gets tokens of Entra by itself, and renews them: "
             "`managed-identity` those of this machine or container app, `workload-identity` those of a "
             "pod, `client-secret` and `client-certificate` those of a registered application. `entra` is "
             "a workload identity where the environment has one, else the managed identity. The identity "
             "needs the role Azure Event Hubs Data Receiver on the namespace.",
     .parse =
         [](const Key& key, const Node& node, Settings& s) {
           return read_auth_type(key, node, source::AuthType::entra, s.source.auth.type,
                                 s.source.auth.identity.kind);
         }},
    {.path = "source.auth.value",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "an Event Hubs connection string, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "The whole connection string, of the namespace or of one event hub: "
             "`Endpoint=sb://...;SharedAccessKeyName=...;SharedAccessKey=...`, or one with "
             "`SharedAccessSignature`. Its names may be in any case. Only with `connection-string`.",
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
             "every login, and before a session at the broker ends. With `workload-identity` and `entra` it "
             "is the federated token that Entra takes for one of its own, if not that of the variable "
             "AZURE_FEDERATED_TOKEN_FILE. With the other types it is not used.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.auth.token_file, check_directory); }},
    {.path = "source.auth.scope",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "https://<namespace>.servicebus.windows.net/.default, of the first broker",
     .allowed = "a text that ends in /.default",
     .help = "What the tokens are for. To be written where the brokers have other names than those of Event "
             "Hubs. Only with the types that get tokens of Entra.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.auth.scope, check_scope); }},
};

constexpr Key k_fetching_keys[] = {
    {.path = "source.tls.enabled",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "auto",
     .choices = k_tls,
     .help = "Whether to speak TLS to the brokers. `auto` does so for Event Hubs, which is a broker of "
             "servicebus.windows.net, or port 9093 with a connection string, and where tokens of Entra are "
             "shown. For all others it does not.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_tls(key, node, s.source.tls); }},
    {.path = "source.tls.ca",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "system",
     .allowed = "system, or the absolute path of a PEM file",
     .help =
         "What the brokers' certificates are checked against: the certificate authorities of this "
         "machine, or those in a file. A file is read again when it changes. The machine's are read at the "
         "start.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.tls.ca, check_certificates); }},
    {.path = "source.tls.certificate",
     .kind = Kind::text,
     .since = "0.1",
     .allowed = "the absolute path of a PEM file",
     .help =
         "The certificate that penstock shows to brokers that ask for one (mutual TLS, "
         "ssl.client.auth=required in a broker's settings): first its own, then those that lead to its "
         "authority. With source.tls.key, and with or without source.auth. It is read again when it changes. "
         "Move a certificate and its key into their places quickly one after the other: until they fit, the "
         "former pair is used.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.tls.certificate, check_directory); }},
    {.path = "source.tls.key",
     .kind = Kind::text,
     .since = "0.1",
     .allowed = "the absolute path of a PEM file",
     .help = "The private key of source.tls.certificate, without a passphrase: an encrypted key is refused "
             "at the start. It may be in the same file. Let nobody but penstock's user read it.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.source.tls.key, check_directory); }},
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
     .limits = {1 * k_mib, codec::k_batch_bytes_limit_max},
     .help = "The largest Kafka batch that is accepted, as it is after decompression: a batch that the "
             "producer sent as 134kB may hold 130MB. At a larger one the partition stops with an error. A "
             "batch above 16MiB takes its memory in addition to runtime.memory. A batch that is too large "
             "even for the highest value is read with source.fetch: librdkafka and guarantee: "
             "at_least_once. So are records of the message formats before 2017 (v0 and v1).",
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
};

}  // namespace

std::span<const Key> source_keys() {
  static const std::vector<Key> keys =
      joined({k_reading_keys, k_login_keys, identity_keys(Side::source), k_fetching_keys});
  return keys;
}

}  // namespace penstock::config
