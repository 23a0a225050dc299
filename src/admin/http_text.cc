#include "admin/http_text.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/concat.h"
#include "base/letter_case.h"
#include "base/trimmed.h"

namespace penstock::admin {
namespace {

constexpr std::string_view k_line_end = "\r\n";
constexpr std::string_view k_head_end = "\r\n\r\n";

Request refused(int status) {
  return {.state = Request::State::refused, .status = status};
}

// GET /metrics?x=y HTTP/1.1
Request read_request_line(std::string_view line) {
  const std::size_t target_at = line.find(' ') + 1;
  const std::size_t version_at = line.rfind(' ') + 1;
  if (target_at == 0 || target_at >= version_at) {
    return refused(400);
  }
  const std::string_view method = line.substr(0, target_at - 1);
  const std::string_view target = line.substr(target_at, version_at - 1 - target_at);
  const std::string_view version = line.substr(version_at);
  if ((version != "HTTP/1.1" && version != "HTTP/1.0") || !target.starts_with('/') ||
      target.find(' ') != std::string_view::npos) {
    return refused(400);
  }
  if (method != "GET" && method != "HEAD") {
    return refused(405);
  }
  return {.state = Request::State::good,
          .path = target.substr(0, target.find('?')),
          .head_only = method == "HEAD"};
}

// What stands behind "name:" in one of the lines. None: in more than one.
std::optional<std::string_view> header(std::string_view lines, std::string_view name) {
  std::string_view value;
  bool found = false;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find(k_line_end));
    lines.remove_prefix(std::min(lines.size(), line.size() + k_line_end.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !same_word(line.substr(0, colon), name)) {
      continue;
    }
    if (std::exchange(found, true)) {
      return std::nullopt;
    }
    value = trimmed(line.substr(colon + 1));
  }
  return value;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 414:
      return "URI Too Long";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

}  // namespace

Request read_request(std::string_view received) {
  received = received.substr(0, k_head_bytes_max);
  const std::size_t line_bytes = received.find(k_line_end);
  // Without a line end all of it is the line, or all but the CR of its end.
  if (line_bytes == std::string_view::npos ? received.size() > k_request_line_bytes_max + 1
                                           : line_bytes > k_request_line_bytes_max) {
    return refused(414);
  }
  const std::size_t head_bytes = received.find(k_head_end);
  if (head_bytes == std::string_view::npos) {
    return received.size() < k_head_bytes_max ? Request{} : refused(431);
  }
  Request request = read_request_line(received.substr(0, line_bytes));
  if (request.state == Request::State::good && head_bytes > line_bytes) {
    const std::size_t lines_at = line_bytes + k_line_end.size();
    const std::string_view lines = received.substr(lines_at, head_bytes - lines_at);
    const auto authorization = header(lines, "authorization");
    const auto host = header(lines, "host");
    if (!authorization || !host) {
      return refused(400);
    }
    request.authorization = *authorization;
    request.host = *host;
  }
  return request;
}

std::string write_answer(const Answer& answer, bool head_only) {
  const std::string_view allow = answer.status == 405 ? "Allow: GET, HEAD\r\n" : "";
  std::string text = concat(
      "HTTP/1.1 ", answer.status, ' ', reason_of(answer.status), "\r\nContent-Type: ", answer.content_type,
      "\r\nContent-Length: ", answer.body.size(), "\r\n", allow, answer.headers, "Connection: close\r\n\r\n");
  if (!head_only) {
    text += answer.body;
  }
  return text;
}

}  // namespace penstock::admin
