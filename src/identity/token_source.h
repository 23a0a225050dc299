// Where tokens come from, resolved: of what the configuration leaves open, the environment has decided.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include <penstock/result.h>

#include "identity/options.h"

namespace penstock::identity {

// The service on this machine that knows its identity.
enum class MetadataService : std::uint8_t { imds, app_service, arc };

struct ManagedIdentity {
  MetadataService service = MetadataService::imds;
  // The whole address up to the query.
  std::string endpoint;
  // app_service: the value of X-IDENTITY-HEADER. A secret.
  std::string identity_header;
  // At most one is not empty.
  std::string client_id;
  std::string object_id;
  std::string resource_id;
};

struct WorkloadIdentity {
  std::string authority;
  std::string tenant_id;
  std::string client_id;
  std::string token_file;
};

struct ClientSecret {
  std::string authority;
  std::string tenant_id;
  std::string client_id;
  SecretReader secret;
};

struct ClientCertificate {
  std::string authority;
  std::string tenant_id;
  std::string client_id;
  std::string certificate_file;
};

using TokenSource = std::variant<ManagedIdentity, WorkloadIdentity, ClientSecret, ClientCertificate>;

// The environment, as choose_source() sees it. Tests give one of their own.
struct Surroundings {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<bool(const std::string& path)> file_exists;
};

struct Choice {
  TokenSource source;
  // "managed identity of this machine (IMDS), client id 1234..., as AZURE_FEDERATED_TOKEN_FILE is not set":
  // for the log and for `penstock check`. No secret.
  std::string description;
};

// Pure. Error invalid_input: something is missing, and what to write.
Result<Choice> choose_source(const Options& options, const Surroundings& surroundings);

}  // namespace penstock::identity
