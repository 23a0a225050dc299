// SaslHandshake v1 and SaslAuthenticate v0-v1: how the messages of a SASL mechanism (sasl.h) travel.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"

namespace penstock::wire {

struct SaslHandshakeRequest {
  // "SCRAM-SHA-256".
  std::string_view mechanism;
};

void encode_sasl_handshake(Buffer& out, std::int16_t version, const SaslHandshakeRequest& request);

struct SaslHandshakeResponse {
  ErrorCode error_code = ErrorCode::none;
  // What the broker offers. They lie in the body.
  std::vector<std::string_view> mechanisms;
};

Result<SaslHandshakeResponse> decode_sasl_handshake(Bytes body, std::int16_t version);

struct SaslAuthenticateRequest {
  Bytes message;
};

void encode_sasl_authenticate(Buffer& out, std::int16_t version, const SaslAuthenticateRequest& request);

struct SaslAuthenticateResponse {
  ErrorCode error_code = ErrorCode::none;
  // The broker's words, perhaps none. Lies in the body.
  std::string_view error_text;
  // The mechanism's next message: what SaslClient::next() takes. Lies in the body.
  Bytes message;
  // From v1 on. 0: the session does not end.
  std::int64_t session_lifetime_ms = 0;
};

Result<SaslAuthenticateResponse> decode_sasl_authenticate(Bytes body, std::int16_t version);

}  // namespace penstock::wire
