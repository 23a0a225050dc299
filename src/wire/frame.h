// What is around every request and response on a connection:
//
//   request:   size int32 | api key int16 | version int16 | correlation id int32 | client id nullable string
//              | tagged fields (flexible versions) | body
//   response:  size int32 | correlation id int32 | tagged fields (flexible versions, but not of ApiVersions)
//              | body
//
// The size does not count itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"

namespace penstock::wire {

constexpr std::size_t k_frame_size_bytes = 4;

// Appends the header with a size yet unknown, and returns where the frame begins in `out`: what end_request()
// needs to fill the size in. Requests may be appended one after the other. `version` is a supported one
// (CHECK).
std::size_t begin_request(Buffer& out, ApiKey api, std::int16_t version, std::int32_t correlation_id,
                          std::string_view client_id);
void end_request(Buffer& out, std::size_t begin);

// How many bytes follow the size that a response begins with. `size`: those 4 bytes. Error corrupt, retry, if
// no response can have this size: somebody else answers on this port. Whether it is too many is the caller's
// to judge.
Result<std::size_t> response_size(Bytes size);

// What to say of a response of `bytes`, where at most `bytes_max` are taken: corrupt, retry. Either somebody
// else answers on this port, or the limit is too small.
Error response_too_large(std::size_t bytes, std::size_t bytes_max);

struct ResponseFrame {
  std::int32_t correlation_id = 0;
  // Lies in the frame.
  Bytes body;
};

// `frame` is what followed the size of an answer to this request. Error corrupt if it is shorter than its
// header.
Result<ResponseFrame> open_response(Bytes frame, ApiKey api, std::int16_t version);

// What each decode_...() of this module gives for bytes that are not such a response: corrupt, retry. The
// caller closes the connection, because what else it brings is not to be believed.
//
// The decoders take a body with bytes left over behind the response they know: brokers that are not Kafka
// have been seen to add some. Texts in what they give are views into the body, and live as long as it does.
Error unreadable_response(ApiKey api, std::int16_t version);

}  // namespace penstock::wire
