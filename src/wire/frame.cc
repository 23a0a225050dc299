#include "wire/frame.h"

#include "base/check.h"
#include "base/concat.h"
#include "wire/byte_reader.h"

namespace penstock::wire {
namespace {

constexpr std::size_t k_correlation_id_bytes = 4;

// ApiVersions is the one request that we send in a flexible version: its header ends in tagged fields, of
// which there are none, while the client id stays an ordinary string.
bool has_tagged_header(ApiKey api, std::int16_t version) {
  return api == ApiKey::api_versions && version >= 3;
}

Error not_a_response(std::string message) {
  return make_error(ErrorKind::corrupt, Action::retry, std::move(message));
}

}  // namespace

// RequestHeader.json, version 1 (version 2 where there are tagged fields). frame.h draws it.
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
  if (has_tagged_header(api, version)) {
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
  return make_error(ErrorKind::corrupt, Action::retry,
                    concat("a response of ", bytes, " bytes is announced, above the limit of ", bytes_max,
                           ": what answers is perhaps not a Kafka broker, or wants TLS; check the port in "
                           "source.brokers and source.tls"),
                    "response too large");
}

Result<ResponseFrame> open_response(Bytes frame) {
  ByteReader reader(frame);
  const std::int32_t correlation_id = reader.int32();
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
