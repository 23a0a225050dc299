#include "wire/frame.h"

#include "base/check.h"
#include "base/concat.h"
#include "wire/byte_reader.h"

namespace penstock::wire {
namespace {

constexpr std::size_t k_correlation_id_bytes = 4;

Error not_a_response(std::string message) {
  return make_error(ErrorKind::corrupt, Action::retry, std::move(message));
}

// The first four bytes of other protocols, read as a size.
std::string_view foreign(std::size_t size) {
  constexpr std::size_t k_http = 0x48545450;  // "HTTP"
  if (size == k_http) {
    return "an HTTP server answers: let source.brokers name the port of Kafka";
  }
  const bool tls_alert = (size & 0xFFFF00FFU) == 0x15030000U;  // 15 03 0x 00
  return tls_alert ? "it wants TLS: write source.tls: {enabled: true}, or name a port without" : "";
}

}  // namespace

// RequestHeader.json, version 1, or version 2 for a flexible request. frame.h draws both. The client id stays
// an ordinary string in both.
std::size_t begin_request(Buffer& out, ApiKey api, std::int16_t version, std::int32_t correlation_id,
                          std::string_view client_id) {
  CHECK(version >= supported_versions(api).lowest);
  CHECK(version <= supported_versions(api).highest);
  const std::size_t begin = out.size();
  ByteWriter writer(out);
  writer.int32(0);
  writer.int16(static_cast<std::int16_t>(api));
  writer.int16(version);
  writer.int32(correlation_id);
  writer.string(client_id);
  if (is_flexible(api, version)) {
    writer.unsigned_varint(0);
  }
  return begin;
}

void end_request(Buffer& out, std::size_t begin) {
  CHECK(out.size() >= begin + k_frame_size_bytes);
  const std::size_t size = out.size() - begin - k_frame_size_bytes;
  CHECK(size <= std::size_t{INT32_MAX});
  for (std::size_t i = 0; i < k_frame_size_bytes; ++i) {
    out[begin + i] = static_cast<std::byte>(size >> (8 * (k_frame_size_bytes - 1 - i)));
  }
}

Result<std::size_t> response_size(Bytes size) {
  ByteReader reader(size);
  const std::int32_t bytes = reader.int32();
  if (!reader.ok() || bytes < static_cast<std::int32_t>(k_correlation_id_bytes)) {
    return not_a_response(
        "what answers is not a Kafka broker, or wants TLS: check the port in source.brokers and source.tls");
  }
  return static_cast<std::size_t>(bytes);
}

Error response_too_large(std::size_t bytes, std::size_t bytes_max) {
  if (const std::string_view advice = foreign(bytes); !advice.empty()) {
    return make_error(ErrorKind::corrupt, Action::retry, std::string(advice), "not Kafka");
  }
  return make_error(ErrorKind::corrupt, Action::retry,
                    concat("a response of ", bytes, " bytes is announced, above the limit of ", bytes_max,
                           ": what answers is perhaps not a Kafka broker, or wants TLS; check the port in "
                           "source.brokers and source.tls"),
                    "response too large");
}

// ResponseHeader.json, version 0, or version 1 for a flexible response. ApiVersions stays at version 0, so
// that a client can read it before it knows what the broker speaks.
Result<ResponseFrame> open_response(Bytes frame, ApiKey api, std::int16_t version) {
  ByteReader reader(frame);
  const std::int32_t correlation_id = reader.int32();
  if (is_flexible(api, version) && api != ApiKey::api_versions) {
    reader.skip_tagged_fields();
  }
  if (!reader.ok()) {
    return not_a_response(concat("a response of ", frame.size(), " bytes has no room for its header"));
  }
  return ResponseFrame{.correlation_id = correlation_id, .body = reader.rest()};
}

Error unreadable_response(ApiKey api, std::int16_t version) {
  return not_a_response(concat("the broker's ", to_string(api), " response (version ", version,
                               ") cannot be read: it is cut or garbled"));
}

}  // namespace penstock::wire
