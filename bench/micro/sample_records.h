// The input of the benchmarks: JSON access-log lines of about the size asked for, the same in every run.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace penstock::bench {

// One record of exactly `bytes` bytes, at least 200. Its text shrinks under compression about as logs do:
// words that repeat, numbers that do not. No line break in it.
inline std::string sample_record(std::size_t bytes, std::mt19937& random) {
  static const char* const k_routes[] = {"/v1/orders", "/v1/orders/items", "/v2/customers",
                                         "/v1/search", "/health",          "/v2/payments/authorize"};
  const auto number = [&random](unsigned below) { return std::to_string(random() % below); };
  std::string text = R"({"time":"2026-01-31T00:00:)" + number(60) + R"(Z","method":"GET","route":")" +
                     k_routes[random() % 6] + R"(","status":)" + (random() % 20 == 0 ? "503" : "200") +
                     R"(,"client":"10.)" + number(256) + "." + number(256) + "." + number(256) +
                     R"(","ms":)" + number(2000) + R"(,"headers":{)";
  while (text.size() + 60 < bytes) {
    text +=
        R"("x-trace-)" + number(10) + R"(":")" + number(1'000'000'000) + R"(","accept":"application/json",)";
  }
  text.resize(bytes - 2, 'x');
  return text + "}}";
}

inline std::vector<std::string> sample_records(std::size_t count, std::size_t bytes) {
  std::mt19937 random(1);
  std::vector<std::string> records;
  records.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    records.push_back(sample_record(bytes, random));
  }
  return records;
}

// Newline-framed records, `bytes` in all.
inline std::string sample_text(std::size_t bytes) {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < bytes) {
    text += sample_record(1000, random) + '\n';
  }
  text.resize(bytes);
  return text;
}

}  // namespace penstock::bench
