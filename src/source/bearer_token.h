// The bearer token of source.auth.type: oauthbearer: a JSON Web Token in a file that something else keeps
// fresh (the sidecar or the projected volume of a workload identity). Whoever logs in to a broker, librdkafka
// or our own connections, reads the file at that moment, so that a renewed token is used without being told
// of.
//
//   <base64url of {"alg":...}> . <base64url of {"sub":..., "exp":...}> . <signature, empty for "alg":"none">
//
// Only what a client must know is read, sub and exp; whether the token is genuine is the broker's to say.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "source/consumer_options.h"
#include "source/token_supply.h"

namespace penstock::source {

// Pure. White space around the token is left out. Errors are unauthenticated, give_up, and name `file`, never
// the token: no such token, or it has expired by `now`.
Result<BearerToken> parse_bearer_token(std::string_view written, const std::string& file, WallTime now);

// Reads and parses the file: a small one on a local disk, so this is for any thread, a worker's too. Errors
// as above, and for a file that cannot be read.
Result<BearerToken> read_bearer_token(const std::string& file, WallTime now);

// Reads the token of these options: the file's, by the machine's clock, or that of their TokenSupply.
TokenReader token_reader(const Auth& auth);

}  // namespace penstock::source
