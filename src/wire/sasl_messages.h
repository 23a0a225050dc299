// SaslHandshake v1 and SaslAuthenticate v0-v1: how the messages of a SASL mechanism (sasl.h) travel.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"

namespace penstock::wire {

struct SaslHandshakeRequest {
  std::string_view mechanism;  // "SCRAM-SHA-256"
};

void encode_sasl_handshake(Buffer& out, std::int16_t version, const SaslHandshakeRequest& request);

struct SaslHandshakeResponse {
  std::int16_t error_code = 0;
  std::vector<std::string_view> mechanisms;  // what the broker offers; lie in the body
};

Result<SaslHandshakeResponse> decode_sasl_handshake(Bytes body, std::int16_t version);

struct SaslAuthenticateRequest {
  Bytes message;
};

void encode_sasl_authenticate(Buffer& out, std::int16_t version, const SaslAuthenticateRequest& request);

struct SaslAuthenticateResponse {
  std::int16_t error_code = 0;
  std::string_view error_text;           // the broker's words, perhaps none; lies in the body
  Bytes message;                         // lies in the body
  std::int64_t session_lifetime_ms = 0;  // from v1 on; 0: the session does not end
};

Result<SaslAuthenticateResponse> decode_sasl_authenticate(Bytes body, std::int16_t version);

}  // namespace penstock::wire
