// What the streams of records are drawn with: the same seed gives the same draws.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace penstock::bench {

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  template <class Word, std::size_t n>
  Word pick(const std::array<Word, n>& from) {
    return from[below(n)];
  }

  std::string hex(int digits) {
    std::string out;
    for (int i = 0; i < digits; ++i) {
      out += "0123456789abcdef"[below(16)];
    }
    return out;
  }

  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

}  // namespace penstock::bench
