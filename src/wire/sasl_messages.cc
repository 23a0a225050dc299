#include "wire/sasl_messages.h"

#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::wire {

// SaslHandshakeRequest.json:  mechanism string
void encode_sasl_handshake(Buffer& out, std::int16_t /*version*/, const SaslHandshakeRequest& request) {
  ByteWriter(out).string(request.mechanism);
}

// SaslHandshakeResponse.json:  error code int16 | array: mechanism string
Result<SaslHandshakeResponse> decode_sasl_handshake(Bytes body, std::int16_t version) {
  constexpr std::size_t k_mechanism_bytes_min = 2;
  ByteReader reader(body);
  SaslHandshakeResponse response;
  response.error_code = ErrorCode{reader.int16()};
  const std::size_t count = reader.array_count(k_mechanism_bytes_min);
  response.mechanisms.reserve(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    response.mechanisms.push_back(reader.string());
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::sasl_handshake, version);
  }
  return response;
}

// SaslAuthenticateRequest.json:  message: length int32, bytes
void encode_sasl_authenticate(Buffer& out, std::int16_t /*version*/, const SaslAuthenticateRequest& request) {
  ByteWriter(out).bytes(request.message);
}

// SaslAuthenticateResponse.json:
//
//   error code int16 | error message nullable string | message: length int32, bytes
//   | session lifetime ms int64 (from version 1 on)
Result<SaslAuthenticateResponse> decode_sasl_authenticate(Bytes body, std::int16_t version) {
  ByteReader reader(body);
  SaslAuthenticateResponse response;
  response.error_code = ErrorCode{reader.int16()};
  response.error_text = reader.string();
  response.message = reader.nullable_bytes().value_or(Bytes());
  if (version >= 1) {
    response.session_lifetime_ms = reader.int64();
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::sasl_authenticate, version);
  }
  return response;
}

}  // namespace penstock::wire
