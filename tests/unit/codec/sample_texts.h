// What the tests of codec compress: lines that repeat themselves, bytes that do not, and one member of
// them. The same bytes in each run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "codec/compressor.h"

namespace penstock::codec {

// JSON lines, cut at `bytes`: they compress to less than a quarter.
inline std::string json_lines(std::size_t bytes) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < bytes) {
    text += R"({"level":"info","ms":)" + std::to_string(random() % 5000) + R"(,"path":"/v1/orders"})" + "\n";
  }
  text.resize(bytes);
  return text;
}

// Bytes that do not compress.
inline std::string noise(std::size_t bytes) {
  std::mt19937 random(8);
  std::string text(bytes, '\0');
  std::generate(text.begin(), text.end(), [&random] { return static_cast<char>(random()); });
  return text;
}

// One member or frame that holds `text`, made in one call of our own compressor.
inline std::string compressed(Compression compression, std::string_view text) {
  const auto compressor = make_compressor(compression);
  std::string out(text.size() + text.size() / 2 + 1000, '\0');
  const Compressor::Step step =
      compressor->compress(as_bytes(text), std::as_writable_bytes(std::span(out)), Compressor::End::member);
  EXPECT_TRUE(step.member_ended);
  out.resize(step.produced);
  return out;
}

}  // namespace penstock::codec
