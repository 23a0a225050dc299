// A request and its answer, as values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/types.h"

namespace penstock::http {

enum class Method : std::uint8_t { get, head, put };

// In the order they were written; names are compared without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> headers) : headers_(headers) {}

  void add(std::string name, std::string value) { headers_.emplace_back(std::move(name), std::move(value)); }
  void clear() { headers_.clear(); }

  // The first of that name; nothing if there is none.
  std::optional<std::string_view> find(std::string_view name) const;

  auto begin() const { return headers_.begin(); }
  auto end() const { return headers_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> headers_;
};

// More than a page of 500 listed blobs comes to; no answer has a reason to be longer.
inline constexpr std::size_t k_response_bytes_max = 8 * 1024 * 1024;

// Told of the bytes of a body as libcurl takes them, at most 64 KiB at a time, while they are in the processor's cache: for a
// checksum. In order; again from `offset` where libcurl goes back. Says nothing about whether they arrive.
using OnBodyTaken = std::function<void(std::uint64_t offset, Bytes bytes)>;

struct Request {
  Method method = Method::get;
  std::string url;  // may hold a secret in its query; messages show the host alone
  Headers headers;
  std::vector<Bytes> body;          // for put; the memory stays valid until `done` has run
  OnBodyTaken on_body_taken{};      // may be empty; runs inside libcurl: it calls nothing of the client
  std::optional<Duration> timeout;  // for the whole exchange, from when it begins; default none
  std::size_t response_bytes_max = k_response_bytes_max;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;  // empty for head
};

// "contoso.blob.core.windows.net:443": what stands between "//" and the path, without a user.
std::string_view host_of(std::string_view url);

}  // namespace penstock::http
