// What a client of a schema registry is told.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "codec/schema_framing.h"
#include "http/client.h"

namespace penstock::registry {

// Whose registry it is. Each has its API, and its clients write ids in their framing. Never `none`.
using Api = codec::SchemaFraming;

struct Options {
  Api api = Api::confluent;

  // http:// or https://, a host and perhaps a path, without a '/' at its end and without a login.
  std::string url;

  // The value of the header Authorization. Asked for with every request, never waits. Error: there is none
  // now, and the request counts as one without an answer. Not set: the header is not sent.
  std::function<Result<std::string>()> authorization = {};

  // A request with this header was answered by 401. May be empty.
  std::function<void(const std::string& authorization)> refused = {};

  // How long a topic waits for ids that the registry does not know.
  Duration patience = std::chrono::minutes(10);

  // What the texts of schemas take that are kept.
  std::size_t schemas_bytes_max = std::size_t{8} << 20;

  http::ClientOptions http = {};
};

// A schema is text of at most 1 MiB (codec::AvroSchema::k_text_bytes_max), and JSON within JSON has a
// backslash before each of its quotes.
inline constexpr std::size_t k_answer_bytes_max = std::size_t{2} << 20;

// Requests at one time. Their answers are a part of config::k_registry_bytes.
inline constexpr std::uint32_t k_requests_max = 2;

// From leaving the queue to the whole answer.
inline constexpr Duration k_request_timeout = std::chrono::seconds(20);

}  // namespace penstock::registry
