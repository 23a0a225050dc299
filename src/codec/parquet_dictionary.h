// The words of a column's chunk, as they come, each with its number: for RLE_DICTIONARY.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "codec/parquet_encodings.h"

namespace penstock::codec::parquet {

class Dictionary {
 public:
  // Of all words, each behind its length in four bytes. So there are 16,384 at most, and a number has 14
  // bits.
  static constexpr std::size_t k_bytes_max = std::size_t{64} * 1024;
  static constexpr std::size_t k_words_max = k_bytes_max / 4;

  // The number of the word, which is added if it is new. None: it has no place any more.
  std::optional<std::uint16_t> number_of(std::string_view word);

  std::size_t size() const { return begins_.size(); }
  // As a dictionary's page has the words.
  Bytes plain() const { return plain_; }
  // The word behind its length.
  Bytes plain_of(std::uint16_t number) const;
  // What it takes in memory.
  std::size_t bytes() const {
    return plain_.capacity() + begins_.capacity() * sizeof(std::uint32_t) +
           places_.capacity() * sizeof(std::uint16_t);
  }

 private:
  bool is_word(std::uint16_t number, std::string_view word) const;
  std::size_t place_of(std::string_view word) const;
  void grow();

  Buffer plain_;
  std::vector<std::uint32_t> begins_;  // of each word's length in plain_
  std::vector<std::uint16_t>
      places_;  // by hash: the word's number and 1; 0: free. A power of two, half of it free
};

}  // namespace penstock::codec::parquet
