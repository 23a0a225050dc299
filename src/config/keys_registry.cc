// The rows of `registry` in the table of keys (keys.cc).
#include <span>
#include <string>

#include "config/addresses.h"
#include "config/document.h"
#include "config/key_rows.h"
#include "config/readers.h"
#include "config/settings.h"

namespace penstock::config {
namespace {

constexpr Choice k_type[] = {choice("confluent", codec::SchemaFraming::confluent),
                             choice("azure", codec::SchemaFraming::azure),
                             choice("apicurio", codec::SchemaFraming::apicurio)};

constexpr Key k_keys[] = {
    {.path = "registry.type",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback_note = "none, it is required with batch.schema: registry",
     .choices = k_type,
     .help =
         "Where `batch.schema: registry` finds schemas by their ids. `confluent`: the API of Confluent's "
         "Schema Registry, which Karapace, Redpanda, and Apicurio below `/apis/ccompat/v7` have too. "
         "`azure`: the Azure Schema Registry of an Event Hubs namespace. `apicurio`: Apicurio's own API, "
         "`/apis/registry/v2`, for ids in its headers. batch.framing follows it. A schema is asked for "
         "once per worker and kept. Schemas of Avro and JSON Schemas can be used, and no others, and none "
         "with references: a value of another one lands with `decode_error`, or in `_rescued`, which says "
         "so.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.registry.type); }},
    {.path = "registry.url",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "with type: azure the namespace of the first of source.brokers; else it is required",
     .allowed = "http(s)://<host>:<port>/<path>",
     .help = "The registry's address, with the path that all of its API lies below, if there is one: "
             "`https://registry.example:8081`, `https://apicurio.example/apis/ccompat/v7`, "
             "`https://<namespace>.servicebus.windows.net`. No login can be in it. http:// is taken where "
             "no login is shown, and for this machine.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.registry.url, check_registry_url); }},
    {.path = "registry.username",
     .kind = Kind::text,
     .since = "0.1",
     .allowed = "a text without a ':'",
     .help = "With `password`: the login to a registry that asks for one (HTTP basic; of Confluent Cloud the "
             "API key). Not with `type: azure`: there a token of Entra is shown, of the identity of "
             "source.auth where that has one, else of sink.auth, else of the environment (as `entra` there). "
             "It needs the role Schema Registry Reader.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.registry.username, check_registry_user); }},
    {.path = "registry.password",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "a secret, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "Of `username`. One in a file is read again when it changes.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_secret(node, s.registry.password); }},
    {.path = "registry.token",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "a secret, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "In place of `username` and `password`: shown as `Authorization: Bearer`. One in a file is read "
             "again when it changes.",
     .parse = [](const Key&, const Node& node, Settings& s) { return read_secret(node, s.registry.token); }},
    {.path = "registry.tls.ca",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "system",
     .allowed = "system, or the absolute path of a PEM file",
     .help = "What the registry's certificate is checked against, as in sink.tls.ca.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.registry.tls_ca, check_certificates); }},
    {.path = "registry.patience",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "10m",
     .limits = {0, 24 * k_h},
     .help =
         "How long a topic waits for ids that the registry does not know: a schema may be younger than "
         "the replica that answers. Then such values land as they came, with `decode_error: "
         "schema-unknown...`, or in `_rescued` with that reason, and for as long again the topic does "
         "not wait a second time. A registry that does not answer, or does not let us in, is waited for "
         "without an end, since nothing is known of the schema then. What waits is the topic alone: it is "
         "not read, the others go on, and the log, /readyz and penstock_topics_without_schema say why.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.registry.patience); }},
};

}  // namespace

std::span<const Key> registry_keys() {
  return k_keys;
}

}  // namespace penstock::config
