// How it works
//
// What the configuration says is taken as it stands. What it leaves open comes from the environment, in the
// variables that AKS' webhook, App Service and Arc's agent set.
//
// For example, kind `best` in a pod of AKS with workload identity:
// 1. AZURE_FEDERATED_TOKEN_FILE is set, so this is a workload identity.
// 2. Tenant and client are not written. AZURE_TENANT_ID and AZURE_CLIENT_ID have them.
// 3. AZURE_AUTHORITY_HOST is "https://login.microsoftonline.com/". Its slash is taken off.
// 4. The description says what was chosen, and that the variable was the reason.
//
// On a virtual machine none of these are set, and himds is not there: the metadata service (IMDS) is asked.
#include "identity/token_source.h"

#include <string_view>
#include <utility>

#include "base/concat.h"

namespace penstock::identity {
namespace {

constexpr std::string_view k_public_authority = "https://login.microsoftonline.com";
constexpr std::string_view k_imds_host = "http://169.254.169.254";
constexpr std::string_view k_imds_path = "/metadata/identity/oauth2/token";
constexpr std::string_view k_arc_endpoint = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
constexpr const char* k_arc_agent = "/opt/azcmagent/bin/himds";
constexpr const char* k_federated_file = "AZURE_FEDERATED_TOKEN_FILE";

std::string without_slashes(std::string text) {
  while (text.ends_with('/')) {
    text.pop_back();
  }
  return text;
}

class Chooser {
 public:
  Chooser(const Options& options, const Surroundings& surroundings)
      : options_(options), surroundings_(surroundings) {}

  Result<Choice> choose() const {
    switch (options_.kind) {
      case Kind::workload_identity:
        return workload_identity("");
      case Kind::managed_identity:
        return managed_identity("");
      case Kind::client_secret:
        return client_secret();
      case Kind::client_certificate:
        return client_certificate();
      case Kind::best:
        break;
    }
    if (!options_.token_file.empty() || !variable(k_federated_file).empty()) {
      return workload_identity(options_.token_file.empty() ? ", as AZURE_FEDERATED_TOKEN_FILE is set"
                                                           : ", as a token_file is written");
    }
    return managed_identity(", as AZURE_FEDERATED_TOKEN_FILE is not set");
  }

 private:
  std::string variable(const std::string& name) const { return surroundings_.variable(name).value_or(""); }

  std::string written_or(const std::string& written, const char* name) const {
    return written.empty() ? variable(name) : written;
  }

  Result<std::string> authority() const {
    std::string written = without_slashes(written_or(options_.authority, "AZURE_AUTHORITY_HOST"));
    if (written.empty()) {
      return std::string(k_public_authority);
    }
    if (!written.starts_with("https://") || written.size() == std::string_view("https://").size()) {
      return invalid_input(
          "the authority (authority, or AZURE_AUTHORITY_HOST) is not an address with https://; write one "
          "such "
          "as https://login.microsoftonline.us");
    }
    return written;
  }

  static Error missing(std::string_view kind, std::string_view key, std::string_view variable) {
    return invalid_input(concat(kind, " needs ", key, "; write it",
                                variable.empty() ? "" : concat(", or let the environment set ", variable)));
  }

  Result<Choice> workload_identity(std::string_view because) const {
    constexpr std::string_view k_kind = "a workload identity";
    Result<std::string> asked = authority();
    if (!asked.ok()) {
      return std::move(asked).error();
    }
    WorkloadIdentity source{.authority = std::move(asked).value(),
                            .tenant_id = written_or(options_.tenant_id, "AZURE_TENANT_ID"),
                            .client_id = written_or(options_.client_id, "AZURE_CLIENT_ID"),
                            .token_file = written_or(options_.token_file, k_federated_file)};
    if (source.tenant_id.empty()) {
      return missing(k_kind, "tenant_id", "AZURE_TENANT_ID");
    }
    if (source.client_id.empty()) {
      return missing(k_kind, "client_id", "AZURE_CLIENT_ID");
    }
    if (source.token_file.empty()) {
      return missing(k_kind, "token_file", k_federated_file);
    }
    std::string description =
        concat("workload identity ", source.client_id, " of tenant ", source.tenant_id, because);
    return Choice{.source = std::move(source), .description = std::move(description)};
  }

  Result<Choice> client_secret() const {
    Result<std::string> asked = authority();
    if (!asked.ok()) {
      return std::move(asked).error();
    }
    if (options_.tenant_id.empty() || options_.client_id.empty()) {
      return missing("a client secret", options_.tenant_id.empty() ? "tenant_id" : "client_id", "");
    }
    if (!options_.client_secret) {
      return missing("a client secret", "client_secret", "");
    }
    ClientSecret source{.authority = std::move(asked).value(),
                        .tenant_id = options_.tenant_id,
                        .client_id = options_.client_id,
                        .secret = options_.client_secret};
    return Choice{.source = std::move(source), .description = application()};
  }

  Result<Choice> client_certificate() const {
    Result<std::string> asked = authority();
    if (!asked.ok()) {
      return std::move(asked).error();
    }
    if (options_.tenant_id.empty() || options_.client_id.empty()) {
      return missing("a client certificate", options_.tenant_id.empty() ? "tenant_id" : "client_id", "");
    }
    if (options_.certificate_file.empty()) {
      return missing("a client certificate", "certificate_file", "");
    }
    ClientCertificate source{.authority = std::move(asked).value(),
                             .tenant_id = options_.tenant_id,
                             .client_id = options_.client_id,
                             .certificate_file = options_.certificate_file};
    return Choice{.source = std::move(source), .description = concat(application(), ", by its certificate")};
  }

  std::string application() const {
    return concat("application ", options_.client_id, " of tenant ", options_.tenant_id);
  }

  Result<Choice> managed_identity(std::string_view because) const {
    const int named = (options_.client_id.empty() ? 0 : 1) + (options_.object_id.empty() ? 0 : 1) +
                      (options_.resource_id.empty() ? 0 : 1);
    if (named > 1) {
      return invalid_input(
          "a managed identity is named by one of client_id, object_id and resource_id; keep one");
    }
    Result<ManagedIdentity> found = metadata_service();
    if (!found.ok()) {
      return std::move(found).error();
    }
    ManagedIdentity source = std::move(found).value();
    source.client_id = options_.client_id;
    source.object_id = options_.object_id;
    source.resource_id = options_.resource_id;
    std::string description =
        concat(named == 0 ? "the system-assigned managed identity" : "managed identity ", source.client_id,
               source.object_id, source.resource_id, " (", service_name(source.service), ")", because);
    return Choice{.source = std::move(source), .description = std::move(description)};
  }

  static std::string_view service_name(MetadataService service) {
    switch (service) {
      case MetadataService::imds:
        return "IMDS";
      case MetadataService::app_service:
        return "App Service";
      case MetadataService::arc:
        break;
    }
    return "Azure Arc";
  }

  Result<ManagedIdentity> metadata_service() const {
    const std::string endpoint = variable("IDENTITY_ENDPOINT");
    const std::string header = variable("IDENTITY_HEADER");
    const bool has_imds_endpoint = !variable("IMDS_ENDPOINT").empty();
    if (!endpoint.empty() && !header.empty() && !has_imds_endpoint) {
      if (!variable("IDENTITY_SERVER_THUMBPRINT").empty()) {
        return make_error(
            ErrorKind::unsupported, Action::fatal,
            "managed identities of Service Fabric (IDENTITY_SERVER_THUMBPRINT is set) are not taken; "
            "use a client secret or certificate");
      }
      return ManagedIdentity{.service = MetadataService::app_service,
                             .endpoint = endpoint,
                             .identity_header = header,
                             .client_id = {},
                             .object_id = {},
                             .resource_id = {}};
    }
    ManagedIdentity source;
    if ((!endpoint.empty() && has_imds_endpoint) || surroundings_.file_exists(k_arc_agent)) {
      source.service = MetadataService::arc;
      source.endpoint = endpoint.empty() ? std::string(k_arc_endpoint) : endpoint;
      return source;
    }
    const std::string host = without_slashes(variable("AZURE_POD_IDENTITY_AUTHORITY_HOST"));
    source.service = MetadataService::imds;
    source.endpoint = concat(host.empty() ? std::string(k_imds_host) : host, k_imds_path);
    return source;
  }

  const Options& options_;
  const Surroundings& surroundings_;
};

}  // namespace

Result<Choice> choose_source(const Options& options, const Surroundings& surroundings) {
  return Chooser(options, surroundings).choose();
}

}  // namespace penstock::identity
