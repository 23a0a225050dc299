// What a source shows beside its name, read where it lives at this moment, so that what was written anew is
// used without being told of.
#pragma once

#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "identity/token_source.h"

namespace penstock::identity {

// The `proof` of token_request(): the federated token, the secret, the signed assertion; empty for a managed
// identity. A secret. Reads files, which blocks as long as a local disk takes. Errors name the file or the
// key of the configuration, never what is in it.
Result<std::string> proof_of(const TokenSource& source, WallTime now);

// The content of the file that Arc's challenge names: the proof of the second try.
Result<std::string> arc_challenge_key(const std::string& file);

}  // namespace penstock::identity
