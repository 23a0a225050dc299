// What the admin server reads and writes: the head of a request, and an answer. As much of HTTP/1.1
// (RFC 9112) as an exchange needs after which the connection is closed. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::admin {

// "GET /metrics HTTP/1.1", and a query that a scraper may have been told to add.
inline constexpr std::size_t k_request_line_bytes_max = 2048;

// The request line and all headers, with their line ends. Proxies and browsers send up to some 4 KiB.
inline constexpr std::size_t k_head_bytes_max = 8192;

struct Request {
  enum class State : std::uint8_t { unfinished, good, refused };
  State state = State::unfinished;

  // Refused: 400, 405, 414 or 431.
  int status = 0;

  // Good: without the query. It points into the text that was read.
  std::string_view path{};
  bool head_only = false;  // HEAD
  // Good: the values of these headers, empty where they are not there. Two of one are refused.
  std::string_view authorization{};
  std::string_view host{};

  friend bool operator==(const Request&, const Request&) = default;
};

// `received` is what the client has sent so far; what follows the head is not looked at. It is unfinished
// only below k_head_bytes_max, so nobody has to keep more than that. Other headers are skipped, not
// understood.
Request read_request(std::string_view received);

struct Answer {
  int status = 200;
  std::string_view content_type;
  std::string body;
  // More headers, each with its line end.
  std::string_view headers{};
};

// The bytes for the client. `head_only`: headers as they would be with the body.
std::string write_answer(const Answer& answer, bool head_only);

}  // namespace penstock::admin
