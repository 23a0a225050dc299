#include "app/gateway_traffic.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "base/concat.h"

namespace penstock::app {
namespace {

constexpr std::array k_methods{"GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE"};
constexpr std::array k_paths{"/v1/orders", "/v1/orders/{id}",      "/v1/customers/{id}",
                             "/v2/search", "/v1/carts/{id}/items", "/health"};
constexpr std::array k_statuses{200, 200, 200, 200, 200, 201, 204, 301, 400, 404, 429, 500};
constexpr std::array k_agents{"okhttp/4.12.0", "Mozilla/5.0 (X11; Linux x86_64)", "python-requests/2.32",
                              "curl/8.5.0"};

// Headers, tokens and bodies beyond the fixed fields: median exp(6.1), some 450 bytes; one in a hundred above
// 3 KiB.
constexpr double k_log_median = 6.1;
constexpr double k_log_sigma = 0.85;
constexpr double k_extra_bytes_max = 15.0 * 1024;
constexpr std::uint64_t k_pretty_one_in = 50;

}  // namespace

GatewayTraffic::GatewayTraffic(std::uint64_t seed) : random_(seed), extra_bytes_(k_log_median, k_log_sigma) {}

std::string GatewayTraffic::hex(int digits) {
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string out;
  for (int i = 0; i < digits; ++i) {
    out += k_digits[below(16)];
  }
  return out;
}

std::string GatewayTraffic::next(std::uint64_t sequence, WallTime now) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const char* gap = below(k_pretty_one_in) == 0 ? "\r\n  " : "";
  const auto extra = static_cast<std::size_t>(std::min(extra_bytes_(random_), k_extra_bytes_max));
  std::string out = concat(
      "{", gap, "\"seq\":", sequence, ",", gap, "\"ts\":", ms, ",", gap, "\"trace\":\"", hex(32), "\",", gap,
      "\"request\":{\"method\":\"", k_methods[below(k_methods.size())], "\",\"path\":\"",
      k_paths[below(k_paths.size())], "\",\"host\":\"api.example.com\",\"bytes\":", below(4096),
      ",\"agent\":\"", k_agents[below(k_agents.size())], "\"},", gap, "\"client\":{\"ip\":\"198.51.100.",
      below(256), "\",\"tenant\":\"t-", below(500), "\",\"scopes\":[\"read\",\"write\"]},", gap,
      "\"upstream\":{\"name\":\"svc-", below(40), "\",\"attempts\":1,\"latency_ms\":", below(400), "},", gap,
      "\"response\":{\"status\":", k_statuses[below(k_statuses.size())], ",\"bytes\":", below(65536),
      ",\"cache\":\"MISS\"},", gap, "\"context\":\"");
  while (out.size() < extra) {
    out += hex(24);
    out += ' ';
  }
  out += "\"}";
  return out;
}

}  // namespace penstock::app
