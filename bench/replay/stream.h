// The stream that is replayed: what an API gateway logs. Nested JSON with words that repeat and numbers that
// do not, sizes log-normal, one record in fifty pretty-printed over several lines. The same seed gives the
// same records.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "draws.h"

namespace penstock::bench {

// Every record tells its time in milliseconds, 13 digits behind this.
constexpr std::string_view k_stamp = "\"ts\":";
constexpr std::size_t k_stamp_digits = 13;

class Stream : private Draws {
 public:
  // Sizes have this mean and spread; none is below some 200 bytes or above 16 KiB.
  Stream(std::uint64_t seed, double bytes_mean, double sigma)
      : Draws(seed), bytes_(std::log(bytes_mean) - sigma * sigma / 2, sigma) {}

  std::string next() {
    const auto target = static_cast<std::size_t>(std::clamp(bytes_(random()), 200.0, 16384.0));
    const char* gap = below(50) == 0 ? "\r\n  " : "";
    std::string out = std::string("{") + gap + R"("ts":)" +
                      std::to_string(1'700'000'000'000 + below(100'000'000'000)) + "," + gap +
                      R"("trace":")" + hex(32) + "\"," + gap + R"("req":{"m":")" + pick(k_methods) +
                      R"(","path":")" + pick(k_paths) + R"(","bytes":)" + number(4096) + "}," + gap +
                      R"("ip":"198.51.)" + number(256) + "." + number(256) + R"(","res":{"status":)" +
                      pick(k_statuses) + R"(,"ms":)" + number(900) + "}";
    std::string field;
    for (bool first = true;; first = false) {
      field = std::string(first ? "" : ",") + "\"" + pick(k_names) + "-" + number(8) + R"(":{"v":")" +
              pick(k_words) + " " + pick(k_words) + " " + hex(8) + R"(","n":)" + number(100'000) +
              R"(,"tags":[")" + pick(k_words) + R"(","prod"]})";
      const std::string opening = first ? std::string(",") + gap + R"("ctx":{)" : "";
      if (out.size() + opening.size() + field.size() + 2 > target) {
        return out + (first ? "}" : "}}");
      }
      out += opening + field;
    }
  }

 private:
  static constexpr std::array k_methods{"GET", "GET", "GET", "POST", "PUT", "DELETE"};
  static constexpr std::array k_paths{"/v1/orders",    "/v1/orders/items", "/v1/customers", "/v2/search",
                                      "/v1/carts/add", "/v2/payments",     "/health"};
  static constexpr std::array k_statuses{"200", "200", "200", "201", "204", "301", "404", "429", "500"};
  static constexpr std::array k_names{"x-request-id", "x-tenant", "user-agent", "accept",
                                      "x-forwarded",  "scope",    "upstream",   "policy"};
  static constexpr std::array k_words{"application/json", "gateway", "orders-service", "allow", "eu-west",
                                      "customer",         "session", "internal",       "cache", "retry",
                                      "okhttp",           "mobile",  "checkout",       "basic", "bearer"};

  std::string number(std::uint64_t bound) { return std::to_string(below(bound)); }

  std::lognormal_distribution<double> bytes_;
};

// Enough distinct records that no window of a compressor sees one twice.
inline std::vector<std::string> stream_records(std::uint64_t seed, double bytes_mean, double sigma) {
  constexpr std::size_t k_distinct_bytes = std::size_t{32} << 20;
  Stream stream(seed, bytes_mean, sigma);
  std::vector<std::string> records;
  for (std::size_t bytes = 0; bytes < k_distinct_bytes; bytes += records.back().size()) {
    records.push_back(stream.next());
  }
  return records;
}

}  // namespace penstock::bench
