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

enum class Method : std::uint8_t { get, head, put, post };

// In the order they were written. Names are compared without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> headers) : headers_(headers) {}

  void add(std::string name, std::string value) { headers_.emplace_back(std::move(name), std::move(value)); }
  void clear() { headers_.clear(); }

  // The first of that name. nullopt if there is none.
  std::optional<std::string_view> find(std::string_view name) const;

  auto begin() const { return headers_.begin(); }
  auto end() const { return headers_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> headers_;
};

// A page of 500 listed blobs takes less. No answer has a reason to be longer.
inline constexpr std::size_t k_response_bytes_max = 8 * 1024 * 1024;

// For a checksum: told the bytes of a body as libcurl takes them, at most 64 KiB at a time, while they are in
// the processor's cache. They come in order, and again from `offset` on where libcurl goes back. Whether they
// arrive is not known.
using OnBodyTaken = std::function<void(std::uint64_t offset, Bytes bytes)>;

struct Request {
  Method method = Method::get;
  // May hold a secret in its query. Messages show the host alone.
  std::string url;
  Headers headers;
  // For put and post. The memory stays valid until `done` has run.
  std::vector<Bytes> body;
  // May be empty. Runs inside libcurl, so it calls nothing of the client.
  OnBodyTaken on_body_taken{};
  // For the whole exchange, from when it leaves the queue. nullopt: none.
  std::optional<Duration> timeout;
  std::size_t response_bytes_max = k_response_bytes_max;
  // Whether the proxy of the environment (https_proxy, no_proxy) is asked, if there is one.
  bool may_use_proxy = true;
};

struct Response {
  int status = 0;
  Headers headers;
  // Empty for head.
  std::string body;
  // Of the machine that the connection went to, the store's or a proxy's: "20.60.1.2".
  std::string address{};
};

// "contoso.blob.core.windows.net:443": what stands between "//" and the path, without a user.
std::string_view host_of(std::string_view url);

}  // namespace penstock::http
