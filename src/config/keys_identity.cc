// The rows of source.auth and sink.auth that say who we are to Entra (keys.cc). The same for both.
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/concat.h"
#include "config/addresses.h"
#include "config/document.h"
#include "config/key_rows.h"
#include "config/readers.h"
#include "config/settings.h"

namespace penstock::config {
namespace {

// They go into a query, or the path of a url.
Complaint check_entra_id(const std::string& id) {
  constexpr std::string_view k_plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return id.find_first_not_of(k_plain) == std::string::npos
             ? Complaint{}
             : Complaint("is no id; write letters, digits, '.', '-' and '_', as Azure shows it");
}

Complaint check_resource_id(const std::string& id) {
  return id.starts_with("/subscriptions/") && id.find_first_of(" ?#&") == std::string::npos
             ? Complaint{}
             : Complaint(
                   "is no resource id; write /subscriptions/.../userAssignedIdentities/<name>, as "
                   "`az identity show --query id` prints it");
}

Complaint read_authority_of(const Node& node, std::string& out) {
  std::string url;
  const Complaint complaint = read_text(node, url);
  return complaint.empty() ? read_authority(url, out) : complaint;
}

constexpr std::string_view k_tenant_help =
    "The tenant of the identity. Required with `client-secret` and `client-certificate`.";
constexpr std::string_view k_client_help =
    "The client id (application id) of the registered application, or of the user-assigned identity. "
    "Required "
    "with `client-secret` and `client-certificate`. With `managed-identity` this, `object_id` or "
    "`resource_id` chooses among the identities of a machine, and without any it is the system-assigned one.";
constexpr std::string_view k_object_help =
    "The object id (principal id) of the user-assigned identity. Only with `managed-identity`.";
constexpr std::string_view k_resource_help =
    "The resource id of the user-assigned identity. Only with `managed-identity`.";
constexpr std::string_view k_secret_help =
    "A secret of the registered application: its value, not its id. Only with `client-secret`.";
constexpr std::string_view k_certificate_help =
    "A PEM file with the certificate that is registered for the application, and its private key. It is read "
    "whenever a token is needed. Only with `client-certificate`.";
constexpr std::string_view k_authority_help =
    "Who issues the tokens: `https://login.microsoftonline.us` in the US government's cloud, "
    "`https://login.chinacloudapi.cn` in China. Not with `managed-identity`, whose tokens come from the "
    "machine itself.";
constexpr std::string_view k_authority_ca_help =
    "What the authority's certificate is checked against, as in sink.tls.ca. A file is for a proxy that "
    "opens "
    "TLS.";

IdentitySettings& of_source(Settings& settings) {
  return settings.source.auth.identity;
}

IdentitySettings& of_sink(Settings& settings) {
  return settings.sink.auth.identity;
}

constexpr std::size_t k_row_count = 8;

// The rows of one side: their names in the order of the rows, and where they write to.
template <IdentitySettings& (*of)(Settings&)>
constexpr std::array<Key, k_row_count> rows(const std::array<std::string_view, k_row_count>& paths) {
  return {{
      {.path = paths[0],
       .kind = Kind::text,
       .since = "0.1",
       .fallback_note = "the variable AZURE_TENANT_ID, with a workload identity",
       .allowed = "a tenant's id or domain",
       .help = k_tenant_help,
       .parse = [](const Key&, const Node& node,
                   Settings& s) { return read_checked(node, of(s).tenant_id, check_entra_id); }},
      {.path = paths[1],
       .kind = Kind::text,
       .since = "0.1",
       .fallback_note = "the variable AZURE_CLIENT_ID, with a workload identity",
       .allowed = "an id",
       .help = k_client_help,
       .parse = [](const Key&, const Node& node,
                   Settings& s) { return read_checked(node, of(s).client_id, check_entra_id); }},
      {.path = paths[2],
       .kind = Kind::text,
       .since = "0.1",
       .allowed = "an id",
       .help = k_object_help,
       .parse = [](const Key&, const Node& node,
                   Settings& s) { return read_checked(node, of(s).object_id, check_entra_id); }},
      {.path = paths[3],
       .kind = Kind::text,
       .since = "0.1",
       .allowed = "/subscriptions/.../userAssignedIdentities/<name>",
       .help = k_resource_help,
       .parse = [](const Key&, const Node& node,
                   Settings& s) { return read_checked(node, of(s).resource_id, check_resource_id); }},
      {.path = paths[4],
       .kind = Kind::secret,
       .since = "0.1",
       .allowed = "a secret, by ${file:...}, ${credential:...} or ${NAME}",
       .help = k_secret_help,
       .parse = [](const Key&, const Node& node,
                   Settings& s) { return read_secret(node, of(s).client_secret); }},
      {.path = paths[5],
       .kind = Kind::text,
       .since = "0.1",
       .allowed = "an absolute path",
       .help = k_certificate_help,
       .parse = [](const Key&, const Node& node,
                   Settings& s) { return read_checked(node, of(s).certificate_file, check_directory); }},
      {.path = paths[6],
       .kind = Kind::text,
       .since = "0.1",
       .fallback_note = "the variable AZURE_AUTHORITY_HOST, else https://login.microsoftonline.com",
       .allowed = "https://<host>",
       .help = k_authority_help,
       .parse = [](const Key&, const Node& node,
                   Settings& s) { return read_authority_of(node, of(s).authority); }},
      {.path = paths[7],
       .kind = Kind::text,
       .since = "0.1",
       .fallback = "system",
       .allowed = "system, or the absolute path of a PEM file",
       .help = k_authority_ca_help,
       .parse = [](const Key&, const Node& node,
                   Settings& s) { return read_checked(node, of(s).authority_ca, check_certificates); }},
  }};
}

constexpr auto k_source_keys =
    rows<of_source>({"source.auth.tenant_id", "source.auth.client_id", "source.auth.object_id",
                     "source.auth.resource_id", "source.auth.client_secret", "source.auth.certificate_file",
                     "source.auth.authority", "source.auth.authority_ca"});
constexpr auto k_sink_keys =
    rows<of_sink>({"sink.auth.tenant_id", "sink.auth.client_id", "sink.auth.object_id",
                   "sink.auth.resource_id", "sink.auth.client_secret", "sink.auth.certificate_file",
                   "sink.auth.authority", "sink.auth.authority_ca"});

}  // namespace

std::span<const Key> identity_keys(Side side) {
  return side == Side::source ? std::span<const Key>(k_source_keys) : std::span<const Key>(k_sink_keys);
}

}  // namespace penstock::config
