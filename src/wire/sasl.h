// The client's side of a SASL login, as bytes: what to put into SaslAuthenticate requests, and what their
// responses mean. A login is
//
//   1. SaslHandshake(mechanism)
//   2. SaslAuthenticate(first())
//   3. next(), for each response without an error code: one more SaslAuthenticate with its message, or done
//
// A response with an error code goes to refusal(). One object per login: a repeated login (OAUTHBEARER before
// the session's end) takes a new one. Pure, but for the nonce.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"
#include "wire/scram.h"

namespace penstock::wire {

enum class SaslMechanism : std::uint8_t { plain, scram_sha_256, scram_sha_512, oauthbearer };

// As it goes into SaslHandshake: "SCRAM-SHA-256".
const char* to_string(SaslMechanism mechanism);

struct SaslCredential {
  SaslMechanism mechanism = SaslMechanism::plain;
  // For PLAIN and SCRAM. "$ConnectionString" for Event Hubs.
  std::string user;
  // Password, connection string, or bearer token.
  std::string secret;
};

// 24 random bytes as text: no login may ever use a nonce again.
std::string fresh_sasl_nonce();

class SaslClient {
 public:
  // Error invalid_input, fatal, for a credential that cannot be written down for its mechanism: an empty user
  // or secret, a zero byte in PLAIN, a control character in a token.
  static Result<SaslClient> make(SaslCredential credential, std::string nonce = fresh_sasl_nonce());

  SaslMechanism mechanism() const { return mechanism_; }

  // As the credential had it.
  const std::string& secret() const { return secret_; }

  // Once, at the beginning.
  Buffer first();

  // `answer` is the message of a response without an error code. The result is a message to send, or nullopt:
  // logged in. Errors are unauthenticated (give_up for OAUTHBEARER, fatal otherwise), or corrupt for an
  // answer out of place. After any of them the connection is to be closed.
  Result<std::optional<Buffer>> next(Bytes answer);

  // What a SaslAuthenticate response with an error code means: the table of broker_errors.h, then the
  // broker's own words and those of an OAUTHBEARER challenge before it. A refused login
  // (sasl_authentication_failed) is give_up for OAUTHBEARER, fatal otherwise.
  Error refusal(ErrorCode error_code, std::string_view error_text) const;

 private:
  enum class State : std::uint8_t { begin, first_sent, final_sent, challenged, done };

  SaslClient(SaslCredential credential, std::string nonce);

  Result<std::optional<Buffer>> next_of_scram(Bytes answer);
  Result<std::optional<Buffer>> next_of_oauthbearer(Bytes answer);
  Error out_of_place() const;
  std::string safe(std::string_view words) const;

  SaslMechanism mechanism_;
  State state_ = State::begin;
  std::string user_;
  std::string secret_;
  // OAUTHBEARER: the broker's JSON, which says why not.
  std::string challenge_;
  // Idle for the other mechanisms.
  ScramClient scram_;
};

}  // namespace penstock::wire
