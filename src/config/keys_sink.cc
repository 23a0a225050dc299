// The rows of `sink` in the table of keys (keys.cc).
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "config/addresses.h"
#include "config/document.h"
#include "config/key_rows.h"
#include "config/readers.h"
#include "config/settings.h"

namespace penstock::config {
namespace {

constexpr Choice k_sink_auth[] = {
    choice("none", SinkAuthType::none),
    choice("shared-key", SinkAuthType::shared_key),
    choice("connection-string", SinkAuthType::connection_string),
    choice("sas", SinkAuthType::sas),
    choice("entra", identity::Kind::best),
    choice("managed-identity", identity::Kind::managed_identity),
    choice("workload-identity", identity::Kind::workload_identity),
    choice("client-secret", identity::Kind::client_secret),
    choice("client-certificate", identity::Kind::client_certificate),
};

constexpr Key k_place_keys[] = {
    {.path = "sink.url",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "none, it is required",
     .allowed = "https://<account>.blob.core.windows.net/<container>/<prefix>, file:///<directory>, or null:",
     .help =
         "Where the files go: a container of Azure Blob Storage or ADLS Gen2 (by its blob endpoint), "
         "a local directory, or nowhere (`null:` counts and forgets, for measurements). http:// is "
         "taken for an emulator on this machine alone (127.0.0.1, [::1] or localhost). To reach one "
         "elsewhere, forward a local port to it, or let it speak https. In a directory files get mode 0644 "
         "and directories 0755, less the umask; with that of the systemd unit (0077) nobody else reads "
         "them. A directory needs a file system with hard links.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           std::string url;
           return read_checked(node, url, [&](const std::string& v) { return read_sink_url(v, s.sink); });
         }},
};

constexpr Key k_credential_keys[] = {
    {.path = "sink.auth.type",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_sink_auth,
     .help = "How to log in to the storage account. `shared-key` needs `key`, `connection-string` needs "
             "`value`, `sas` needs `token` (with the rights read, create, write and list). The others are as "
             "in source.auth.type, and need the role Storage Blob Data Contributor on the container. A "
             "directory needs none.",
     .parse =
         [](const Key& key, const Node& node, Settings& s) {
           return read_auth_type(key, node, SinkAuthType::entra, s.sink.auth.type, s.sink.auth.identity.kind);
         }},
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
     .help = "The account's connection string, with a key or with a shared access signature, or "
             "`UseDevelopmentStorage=true`. Its names may be in any case. Its store has to be that of "
             "`sink.url`, which alone says where files go. Only with `connection-string`.",
     .parse = [](const Key&, const Node& node, Settings& s) { return read_secret(node, s.sink.auth.value); }},
    {.path = "sink.auth.token",
     .kind = Kind::secret,
     .since = "0.1",
     .allowed = "a secret, by ${file:...}, ${credential:...} or ${NAME}",
     .help = "A shared access signature for the container, as Azure shows it (percent-encoded), with or "
             "without its leading '?'. Only with `sas`.",
     .parse = [](const Key&, const Node& node, Settings& s) { return read_secret(node, s.sink.auth.token); }},
    {.path = "sink.auth.token_file",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "the variable AZURE_FEDERATED_TOKEN_FILE",
     .allowed = "an absolute path",
     .help = "The file of the federated token that Entra takes for one of its own. It is read whenever a "
             "token is needed. Only with `workload-identity` and `entra`.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           return read_checked(node, s.sink.auth.identity.token_file, check_directory);
         }},
};

constexpr Key k_upload_keys[] = {
    {.path = "sink.tls.ca",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "system",
     .allowed = "system, or the absolute path of a PEM file",
     .help = "What the storage's certificate is checked against: the certificate authorities of this "
             "machine, or those in a file. A file is for a proxy that opens TLS, or for a private cloud. It "
             "is read again when it changes.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.sink.tls_ca, check_certificates); }},
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
};

}  // namespace

std::span<const Key> sink_keys() {
  static const std::vector<Key> keys =
      joined({k_place_keys, k_credential_keys, identity_keys(Side::sink), k_upload_keys});
  return keys;
}

}  // namespace penstock::config
