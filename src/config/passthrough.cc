#include "config/passthrough.h"

#include <string_view>
#include <utility>

#include "base/concat.h"
#include "config/readers.h"

namespace penstock::config {
namespace {

struct Owned {
  std::string_view property;  // with a '*' at its end: all that begin so
  std::string_view advice;
};

constexpr std::string_view k_commits = "positions are committed by penstock, after the upload; remove it";
constexpr std::string_view k_start = "write source.start and source.on_data_loss";
constexpr std::string_view k_membership =
    "each worker is a member of its own by the classic protocol; remove it";
constexpr std::string_view k_memory = "memory is divided by runtime.memory; change that";
constexpr std::string_view k_instead_of_tls = "write source.tls";
constexpr std::string_view k_auth = "write source.auth";
constexpr std::string_view k_integrity = "damaged batches are handled by penstock; remove it";
constexpr std::string_view k_code = "it would run code or call back into penstock; remove it";

constexpr Owned k_owned[] = {
    {"bootstrap.servers", "write source.brokers"},
    {"metadata.broker.list", "write source.brokers"},
    {"group.id", "write source.group"},
    {"group.instance.id", k_membership},
    {"group.protocol*", k_membership},
    {"group.remote.assignor", k_membership},
    {"partition.assignment.strategy", k_membership},
    {"enable.auto.commit", k_commits},
    {"auto.commit.*", k_commits},
    {"enable.auto.offset.store", k_commits},
    {"offset.store.*", k_commits},
    {"auto.offset.reset", k_start},
    {"topic.blacklist", "write source.topics_regex so that it matches only what is wanted"},
    {"fetch.wait.max.ms", "write source.fetch_wait"},
    {"fetch.max.bytes", k_memory},
    {"fetch.message.max.bytes", k_memory},
    {"max.partition.fetch.bytes", k_memory},
    {"queued.*", k_memory},
    {"receive.message.max.bytes", "write source.max_batch_bytes"},
    {"check.crcs", k_integrity},
    {"enable.partition.eof", "ends are watched by penstock; remove it"},
    {"security.protocol", "write source.auth and source.tls"},
    {"ssl.ca.*", k_instead_of_tls},
    {"sasl.*", k_auth},
    {"enable.sasl.*", k_auth},
    {"plugin.*", k_code},
    {"interceptors", k_code},
    {"opaque", k_code},
    {"enabled_events", k_code},
    {"default_topic_conf", k_code},
};

const Owned* find_owned(std::string_view property) {
  for (const Owned& owned : k_owned) {
    const bool all = owned.property.ends_with('*');
    const std::string_view name = owned.property.substr(0, owned.property.size() - (all ? 1 : 0));
    if (all ? property.starts_with(name) : property == name) {
      return &owned;
    }
  }
  return nullptr;
}

}  // namespace

Complaint read_passthrough(const Node& node, std::map<std::string, Secret>& out) {
  if (node.kind != NodeKind::map && node.kind != NodeKind::null) {
    return "is not a mapping; write properties of librdkafka, such as {session.timeout.ms: 45000}";
  }
  std::map<std::string, Secret> properties;
  for (const Node& item : node.items) {
    if (const Owned* owned = find_owned(item.key)) {
      return concat("may not set ", item.key, ": ", owned->advice);
    }
    if (item.key.ends_with("_cb")) {
      return concat("may not set ", item.key, ": ", k_code);
    }
    Secret value;
    if (Complaint complaint = read_secret(item, value); !complaint.empty()) {
      return concat("has a property, ", item.key, ", that ", complaint);
    }
    if (!properties.emplace(item.key, std::move(value)).second) {
      return concat("sets ", item.key, " twice; remove one");
    }
  }
  out = std::move(properties);
  return {};
}

}  // namespace penstock::config
