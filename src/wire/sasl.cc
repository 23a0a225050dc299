// How it works. A login is a state per message: begin, first_sent, (final_sent or challenged), done. next()
// takes the broker's answer in the present state and moves on. An answer in any other state is out of place.
//
//   PLAIN         first() says all. Any answer without an error code is done.
//   SCRAM         first(), the broker's salt, our proof, the broker's signature. ScramClient computes them.
//   OAUTHBEARER   first() is the token. An empty answer is done. Any other answer is a refusal in JSON.
//
// An example: a token that has expired. The broker answers first() with {"status":"invalid_token"} and
// without an error code. RFC 7628 wants one more message, the byte 0x01, before the broker may fail the
// login. So next() keeps the JSON in challenge_ and gives that byte. The broker then answers with code 58,
// and refusal() tells the operator its own words together with the JSON, in which the reason stands. The
// action is `give_up`: this token will not do, another one may.
#include "wire/sasl.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/concat.h"
#include "crypto/random.h"
#include "wire/broker_errors.h"
#include "wire/printable.h"

namespace penstock::wire {
namespace {

Buffer to_buffer(std::string_view text) {
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

crypto::HashFunction function_of(SaslMechanism mechanism) {
  return mechanism == SaslMechanism::scram_sha_512 ? crypto::HashFunction::sha512
                                                   : crypto::HashFunction::sha256;
}

Error unusable(SaslMechanism mechanism, const char* why) {
  return make_error(ErrorKind::invalid_input, Action::fatal,
                    concat("SASL ", to_string(mechanism), ": ", why, "; check source.auth"));
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

}  // namespace

const char* to_string(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::plain:
      return "PLAIN";
    case SaslMechanism::scram_sha_256:
      return "SCRAM-SHA-256";
    case SaslMechanism::scram_sha_512:
      return "SCRAM-SHA-512";
    case SaslMechanism::oauthbearer:
      return "OAUTHBEARER";
  }
  return "?";
}

std::string fresh_sasl_nonce() {
  std::array<std::byte, 24> bytes;
  crypto::random_bytes(bytes);
  return base64_encode(bytes);
}

Result<SaslClient> SaslClient::make(SaslCredential credential, std::string nonce) {
  const SaslMechanism mechanism = credential.mechanism;
  if (credential.secret.empty()) {
    return unusable(mechanism,
                    mechanism == SaslMechanism::oauthbearer ? "the token is empty" : "the password is empty");
  }
  if (mechanism == SaslMechanism::oauthbearer) {
    if (has_control_character(credential.secret)) {
      return unusable(mechanism, "the token holds a control character, perhaps the end of a line");
    }
  } else if (credential.user.empty()) {
    return unusable(mechanism, "the user is empty");
  }
  if (mechanism == SaslMechanism::plain && (credential.user.find('\0') != std::string::npos ||
                                            credential.secret.find('\0') != std::string::npos)) {
    return unusable(mechanism, "user or password holds a zero byte");
  }
  return SaslClient(std::move(credential), std::move(nonce));
}

SaslClient::SaslClient(SaslCredential credential, std::string nonce)
    : mechanism_(credential.mechanism),
      user_(std::move(credential.user)),
      secret_(std::move(credential.secret)),
      scram_(function_of(mechanism_), user_, secret_, std::move(nonce)) {}

// PLAIN, RFC 4616:        <no authorization identity> 0x00 user 0x00 password
// OAUTHBEARER, RFC 7628:  n,, 0x01 auth=Bearer token 0x01 0x01
Buffer SaslClient::first() {
  CHECK((state_ == State::begin));
  state_ = State::first_sent;
  switch (mechanism_) {
    case SaslMechanism::plain:
      return to_buffer(concat('\0', user_, '\0', secret_));
    case SaslMechanism::oauthbearer:
      return to_buffer(concat("n,,\x01", "auth=Bearer ", secret_, "\x01\x01"));
    case SaslMechanism::scram_sha_256:
    case SaslMechanism::scram_sha_512:
      break;
  }
  return to_buffer(scram_.first_message());
}

Result<std::optional<Buffer>> SaslClient::next(Bytes answer) {
  switch (mechanism_) {
    case SaslMechanism::plain:
      // Whatever a broker puts here, nothing is left to say.
      if (state_ != State::first_sent) {
        return out_of_place();
      }
      state_ = State::done;
      return std::optional<Buffer>();
    case SaslMechanism::oauthbearer:
      return next_of_oauthbearer(answer);
    case SaslMechanism::scram_sha_256:
    case SaslMechanism::scram_sha_512:
      break;
  }
  return next_of_scram(answer);
}

Result<std::optional<Buffer>> SaslClient::next_of_scram(Bytes answer) {
  if (state_ == State::first_sent) {
    const Result<std::string> message = scram_.final_message(as_text(answer));
    if (!message.ok()) {
      return message.error();
    }
    state_ = State::final_sent;
    return std::optional(to_buffer(*message));
  }
  if (state_ == State::final_sent) {
    const auto verified = scram_.verify(as_text(answer));
    if (!verified.ok()) {
      return verified.error();
    }
    state_ = State::done;
    return std::optional<Buffer>();
  }
  return out_of_place();
}

Result<std::optional<Buffer>> SaslClient::next_of_oauthbearer(Bytes answer) {
  if (state_ == State::challenged) {
    return refusal(ErrorCode::sasl_authentication_failed, "");
  }
  if (state_ != State::first_sent) {
    return out_of_place();
  }
  if (answer.empty()) {
    state_ = State::done;
    return std::optional<Buffer>();
  }
  challenge_ = as_text(answer);
  state_ = State::challenged;
  return std::optional(to_buffer("\x01"));
}

Error SaslClient::refusal(ErrorCode error_code, std::string_view error_text) const {
  Error error = broker_error(error_code, concat("logging in by SASL ", to_string(mechanism_)));
  for (const std::string_view words : {error_text, std::string_view(challenge_)}) {
    if (!words.empty()) {
      error.message += concat("; the broker says: ", safe(words));
    }
  }
  if (error_code == ErrorCode::sasl_authentication_failed) {
    error.action = mechanism_ == SaslMechanism::oauthbearer ? Action::give_up : Action::fatal;
  }
  return error;
}

Error SaslClient::out_of_place() const {
  return make_error(ErrorKind::corrupt, Action::retry,
                    concat("logging in by SASL ", to_string(mechanism_), ": the broker answers out of turn"));
}

// A broker that echoes what it was sent must not carry the secret into a log.
std::string SaslClient::safe(std::string_view words) const {
  if (words.find(secret_) != std::string_view::npos) {
    return "(its words hold the secret, and are left out)";
  }
  return printable(words);
}

}  // namespace penstock::wire
