// What an application with a certificate says of itself, in place of a secret: a JSON Web Token that it signs
// by its key. Pure.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "identity/token_source.h"

namespace penstock::identity {

// Good for ten minutes, for the token endpoint of `source`. `pem` is the certificate with its key. `id` is
// different in each (a GUID). Errors name the file and what is wrong with it, never what it holds.
Result<std::string> client_assertion(const ClientCertificate& source, std::string_view pem,
                                     std::string_view id, WallTime now);

}  // namespace penstock::identity
