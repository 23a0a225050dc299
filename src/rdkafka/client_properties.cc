// How it works
//
// check() refuses what can never work, before any property is set. Then the list is filled by subject: the
// brokers, security, membership, fetching, connections. The user's own properties (source.librdkafka) come
// last. A property that is set twice keeps its place in the list and the later value, so the user's wins.
//
// Some properties carry the service's guarantees. The table k_owned has them, under each name that the
// library knows them by, with what to write instead. A user's property that is in the table is an error.
//
// The worked case is this part of a configuration:
//
//   source.librdkafka: {fetch.wait.max.ms: 20, metadata.broker.list: "elsewhere:9092"}
//
//   1. fetch.wait.max.ms is not in the table. Alone, it would be good: set_fetch() sets it from the options,
//      and the user's 20 replaces that value.
//   2. metadata.broker.list is in the table. It is another name of bootstrap.servers, and would name other
//      brokers than source.brokers does. So check() refuses the whole list, and says "write source.brokers".
#include "rdkafka/client_properties.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/concat.h"
#include "source/consumer_options.h"

namespace penstock::rdkafka {
namespace {

struct Owned {
  std::string_view name;
  std::string_view instead;
};

// What the service's guarantees rest on: commits, positions, membership, and the options with a key of their
// own. Aliases of the library are listed too.
constexpr std::array k_owned{
    Owned{"bootstrap.servers", "write source.brokers"},
    Owned{"metadata.broker.list", "write source.brokers"},
    Owned{"group.id", "write source.group"},
    Owned{"group.instance.id", "penstock gives every worker its own"},
    Owned{"client.id", "penstock gives every worker its own"},
    Owned{"security.protocol", "write source.auth and source.tls"},
    Owned{"sasl.mechanism", "write source.auth"},
    Owned{"sasl.mechanisms", "write source.auth"},
    Owned{"sasl.username", "write source.auth"},
    Owned{"sasl.password", "write source.auth"},
    Owned{"sasl.oauthbearer.method", "write source.auth, where the tokens come from"},
    Owned{"enable.sasl.oauthbearer.unsecure.jwt", "write source.auth, where the tokens come from"},
    Owned{"ssl.ca.location", "write source.tls.ca"},
    Owned{"enable.auto.commit", "penstock commits what is durable in the lake, nothing earlier"},
    Owned{"auto.commit.enable", "penstock commits what is durable in the lake, nothing earlier"},
    Owned{"auto.commit.interval.ms", "penstock commits what is durable in the lake, nothing earlier"},
    Owned{"enable.auto.offset.store", "penstock commits what is durable in the lake, nothing earlier"},
    Owned{"offset.store.method", "penstock keeps positions in the consumer group"},
    Owned{"auto.offset.reset",
          "write source.start and source.on_data_loss: the library would skip in silence"},
    Owned{"partition.assignment.strategy",
          "only the eager range assignor is safe here; cooperative ones are not supported"},
    Owned{"group.protocol", "only the classic group protocol is supported"},
    Owned{"group.protocol.type", "only the classic group protocol is supported"},
    Owned{"group.remote.assignor", "only the classic group protocol is supported"},
    Owned{"isolation.level", "penstock reads committed records only"},
    Owned{"enable.partition.eof", "penstock sets it where it needs it"},
    Owned{"allow.auto.create.topics", "penstock never creates a topic"},
    Owned{"check.crcs", "penstock checks every batch"},
    Owned{"log.queue", "penstock routes the log itself"},
    Owned{"log.thread.name", "penstock routes the log itself"},
    Owned{"test.mock.num.brokers", "use penstock demo"},
};

const Owned* find_owned(std::string_view name) {
  const auto* found =
      std::find_if(k_owned.begin(), k_owned.end(), [&](const Owned& o) { return o.name == name; });
  return found == k_owned.end() ? nullptr : found;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) {
    all += all.empty() ? part : "," + part;
  }
  return all;
}

Result<void> check(const source::ConsumerOptions& options) {
  if (options.brokers.empty() && options.auth.type != source::AuthType::event_hubs) {
    return invalid_input("source.brokers is empty: write at least one host:port");
  }
  // 256: the limit of Event Hubs.
  if (options.group.empty() || options.group.size() > 256) {
    return invalid_input("source.group must have 1 to 256 characters");
  }
  if (options.topics.empty()) {
    return invalid_input("source.topics is empty: write at least one topic, or source.topics_regex");
  }
  for (const std::string& topic : options.topics) {
    if (topic.empty()) {
      return invalid_input("source.topics holds an empty name");
    }
    if (topic[0] == '^' && options.topics.size() > 1) {
      return invalid_input(concat("source.topics: \"", topic,
                                  "\" is a regular expression: it stands alone, as source.topics_regex"));
    }
  }
  if (options.fetch_bytes_min == 0 || options.fetch_bytes_min > k_partition_fetch_bytes) {
    return invalid_input(concat("fetch_bytes_min must be 1 to ", k_partition_fetch_bytes));
  }
  const bool sasl = options.auth.type == source::AuthType::sasl_plain ||
                    options.auth.type == source::AuthType::sasl_scram_256 ||
                    options.auth.type == source::AuthType::sasl_scram_512;
  if (sasl && (options.auth.user.empty() || options.auth.password.empty())) {
    return invalid_input("source.auth needs a user and a password for this type");
  }
  if (options.auth.type == source::AuthType::oauthbearer && options.auth.token_file.empty()) {
    return invalid_input("source.auth needs a token_file for this type");
  }
  for (const auto& [name, value] : options.passthrough) {
    if (const Owned* owned = find_owned(name)) {
      return invalid_input(concat("source.librdkafka: \"", name, "\" belongs to penstock: ", owned->instead,
                                  "; remove the key"));
    }
  }
  return {};
}

class PropertyList {
 public:
  // A later value of the same name takes the place of the earlier.
  void set(std::string name, std::string value) {
    for (Property& property : properties_) {
      if (property.name == name) {
        property.value = std::move(value);
        return;
      }
    }
    properties_.push_back({std::move(name), std::move(value)});
  }
  void set(std::string name, std::int64_t value) { set(std::move(name), std::to_string(value)); }

  std::vector<Property> take() { return std::move(properties_); }

 private:
  std::vector<Property> properties_;
};

std::string_view security_protocol(const source::ConsumerOptions& options) {
  const bool sasl = options.auth.type != source::AuthType::none;
  if (source::wants_tls(options)) {
    return sasl ? "SASL_SSL" : "SSL";
  }
  return sasl ? "SASL_PLAINTEXT" : "PLAINTEXT";
}

void set_security(const source::ConsumerOptions& options, PropertyList& list) {
  list.set("security.protocol", std::string(security_protocol(options)));
  if (source::wants_tls(options) && !options.tls_ca.empty() && options.tls_ca != "system") {
    list.set("ssl.ca.location", options.tls_ca);
  }
  if (source::wants_tls(options) && !options.tls_certificate.empty()) {
    list.set("ssl.certificate.location", options.tls_certificate);
    list.set("ssl.key.location", options.tls_key);
  }
  const source::Auth auth = source::with_newest_secret(options.auth);
  const auto sasl = [&](std::string mechanism) {
    list.set("sasl.mechanisms", std::move(mechanism));
    SaslLogin login = sasl_login(auth);
    list.set("sasl.username", std::move(login.user));
    list.set("sasl.password", std::move(login.password));
  };
  switch (auth.type) {
    case source::AuthType::none:
      break;
    case source::AuthType::sasl_plain:
    case source::AuthType::event_hubs:
      sasl("PLAIN");
      break;
    case source::AuthType::sasl_scram_256:
      sasl("SCRAM-SHA-256");
      break;
    case source::AuthType::sasl_scram_512:
      sasl("SCRAM-SHA-512");
      break;
    case source::AuthType::oauthbearer:  // the token comes by callback, see make_client()
    case source::AuthType::entra:
      list.set("sasl.mechanisms", "OAUTHBEARER");
      break;
  }
}

void set_membership(const source::ConsumerOptions& options, PropertyList& list) {
  list.set("group.id", options.group);
  if (!options.group_instance_id.empty()) {
    list.set("group.instance.id", options.group_instance_id);
  }
  list.set("enable.auto.commit", "false");
  list.set("enable.auto.offset.store", "false");
  list.set("auto.offset.reset", "error");
  list.set("partition.assignment.strategy", "range");
  list.set("isolation.level", "read_committed");
  list.set("session.timeout.ms", 30'000);
  list.set("heartbeat.interval.ms", 3'000);
  // The group waits this long for a member to give its partitions back: more than any drain_timeout.
  list.set("max.poll.interval.ms", 300'000);
}

void set_fetch(const source::ConsumerOptions& options, int library_version, PropertyList& list) {
  list.set("fetch.message.max.bytes", k_partition_fetch_bytes);
  list.set("fetch.max.bytes", k_fetch_bytes);
  list.set("queued.max.messages.kbytes", k_queued_kilobytes);
  list.set("queued.min.messages", k_queued_messages);
  list.set("fetch.min.bytes", options.fetch_bytes_min);
  list.set("fetch.wait.max.ms", options.fetch_wait.count());
  if (library_version >= 0x020200ff) {
    // The default of a second is what a full queue waits before the next fetch, however fast it was emptied.
    list.set("fetch.queue.backoff.ms", 50);
  }
  list.set("check.crcs", "true");
}

// Azure drops idle TCP connections after 240 s without a word.
void set_connections(PropertyList& list) {
  list.set("connections.max.idle.ms", 180'000);
  list.set("metadata.max.age.ms", 180'000);
  // A topic or a partition that appears is read so much later at most.
  list.set("topic.metadata.refresh.interval.ms", 60'000);
  list.set("socket.keepalive.enable", "true");
  list.set("allow.auto.create.topics", "false");
  list.set("log.connection.close", "false");
}

}  // namespace

bool is_secret(std::string_view name) {
  constexpr std::array<std::string_view, 7> k_parts{
      "password", "secret", ".pem", "oauthbearer.config", "sasl.config", "keytab", "sasl.kerberos"};
  return std::any_of(k_parts.begin(), k_parts.end(),
                     [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

SaslLogin sasl_login(const source::Auth& auth) {
  if (auth.type == source::AuthType::event_hubs) {
    return {.user = "$ConnectionString", .password = source::event_hubs_password(auth.connection_string)};
  }
  return {.user = auth.user, .password = auth.password};
}

Result<std::vector<Property>> client_properties(const source::ConsumerOptions& options,
                                                EndOfPartition end_of_partition, int library_version) {
  if (Result<void> checked = check(options); !checked) {
    return checked.error();
  }
  PropertyList list;
  std::string brokers = joined(options.brokers);
  if (options.auth.type == source::AuthType::event_hubs) {
    Result<std::string> broker = source::event_hubs_broker(options.auth.connection_string);
    if (!broker) {
      return invalid_input(concat("source.auth.value: ", broker.error().message));
    }
    if (brokers.empty()) {
      brokers = *std::move(broker);
    }
  }
  list.set("bootstrap.servers", std::move(brokers));
  list.set("client.id", options.client_id);
  set_security(options, list);
  set_membership(options, list);
  set_fetch(options, library_version, list);
  set_connections(list);
  list.set("enable.partition.eof", end_of_partition == EndOfPartition::reported ? "true" : "false");
  if (source::is_topic_pattern(options)) {
    // "^.*" means the user's topics, not the broker's own.
    list.set("topic.blacklist", "^__consumer_offsets$,^__transaction_state$");
  }
  for (const auto& [name, value] : options.passthrough) {
    list.set(name, value);
  }
  return list.take();
}

}  // namespace penstock::rdkafka
