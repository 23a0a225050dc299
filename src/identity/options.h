// Who this process is to Entra, as the configuration says it. Both sides (source.auth, sink.auth) have the
// same keys.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <penstock/result.h>

namespace penstock::identity {

enum class Kind : std::uint8_t {
  // A workload identity where the environment has one, else the managed identity of this machine.
  best,
  workload_identity,
  managed_identity,
  client_secret,
  client_certificate,
};

// Reads a secret where it lives, at the moment that it is needed. Errors name the place, never the secret.
using SecretReader = std::function<Result<std::string>()>;

struct Options {
  Kind kind = Kind::best;

  // "https://login.microsoftonline.us". Empty: AZURE_AUTHORITY_HOST, then the public cloud's.
  std::string authority;

  // Of workload_identity, client_secret and client_certificate. Empty with workload_identity: AZURE_TENANT_ID
  // and AZURE_CLIENT_ID.
  std::string tenant_id;
  std::string client_id;

  // Of managed_identity: at most one of client_id, object_id and resource_id. None: the system-assigned one.
  std::string object_id;
  std::string resource_id;

  // Of client_secret.
  SecretReader client_secret;

  // Of client_certificate: PEM, the certificate and its private key. Read at each use.
  std::string certificate_file;

  // Of workload_identity. Empty: AZURE_FEDERATED_TOKEN_FILE. Read at each use.
  std::string token_file;

  // PEM, whom to believe when the authority is asked. Empty: what the machine trusts.
  std::string ca_file;
};

}  // namespace penstock::identity
