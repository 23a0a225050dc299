#include "codec/parquet_dictionary.h"

#include <cstring>

#include "codec/same_bytes.h"

namespace penstock::codec::parquet {
namespace {

constexpr std::size_t k_length_bytes = 4;
constexpr std::size_t k_places_min = 16;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t more) {
  constexpr std::uint64_t k_odd = 0x9E3779B97F4A7C15;  // of the golden ratio
  hash = (hash ^ more) * k_odd;
  return hash ^ hash >> 29;
}

// All bytes count, eight at a time; the last eight may be among those before.
std::size_t hash_of(std::string_view word) {
  const auto at = [word](std::size_t from, std::size_t bytes) {
    std::uint64_t part = 0;
    std::memcpy(&part, word.data() + from, bytes);
    return part;
  };
  std::uint64_t hash = word.size();
  if (word.size() < 8) {
    if (word.size() >= 4) {
      hash = mixed(hash, at(0, 4) | at(word.size() - 4, 4) << 32);
    } else if (!word.empty()) {
      hash = mixed(hash, at(0, 1) | at(word.size() / 2, 1) << 8 | at(word.size() - 1, 1) << 16);
    }
  } else {
    for (std::size_t from = 0; from + 8 < word.size(); from += 8) {
      hash = mixed(hash, at(from, 8));
    }
    hash = mixed(hash, at(word.size() - 8, 8));
  }
  return static_cast<std::size_t>(mixed(hash, 0));
}

}  // namespace

Bytes Dictionary::plain_of(std::uint16_t number) const {
  const std::byte* const begin = plain_.data() + begins_[number];
  return {begin, k_length_bytes + read_uint32(begin)};
}

bool Dictionary::is_word(std::uint16_t number, std::string_view word) const {
  const std::byte* const begin = plain_.data() + begins_[number];
  return read_uint32(begin) == word.size() && same_bytes(begin + k_length_bytes, word.data(), word.size());
}

// Where the word is, or may be put.
std::size_t Dictionary::place_of(std::string_view word) const {
  const std::size_t mask = places_.size() - 1;
  std::size_t at = hash_of(word) & mask;
  while (places_[at] != 0 && !is_word(static_cast<std::uint16_t>(places_[at] - 1), word)) {
    at = (at + 1) & mask;
  }
  return at;
}

void Dictionary::grow() {
  places_.assign(places_.empty() ? k_places_min : 2 * places_.size(), 0);
  for (std::size_t number = 0; number < begins_.size(); ++number) {
    const std::string_view word =
        as_text(plain_of(static_cast<std::uint16_t>(number)).subspan(k_length_bytes));
    places_[place_of(word)] = static_cast<std::uint16_t>(number + 1);
  }
}

std::optional<std::uint16_t> Dictionary::number_of(std::string_view word) {
  if (2 * (begins_.size() + 1) > places_.size()) {
    grow();
  }
  const std::size_t place = place_of(word);
  if (places_[place] != 0) {
    return static_cast<std::uint16_t>(places_[place] - 1);
  }
  if (word.size() > k_bytes_max || plain_.size() + k_length_bytes + word.size() > k_bytes_max) {
    return std::nullopt;
  }
  begins_.push_back(static_cast<std::uint32_t>(plain_.size()));
  append_uint32(plain_, static_cast<std::uint32_t>(word.size()));
  const Bytes bytes = as_bytes(word);
  plain_.insert(plain_.end(), bytes.begin(), bytes.end());
  places_[place] = static_cast<std::uint16_t>(begins_.size());
  return static_cast<std::uint16_t>(begins_.size() - 1);
}

}  // namespace penstock::codec::parquet
