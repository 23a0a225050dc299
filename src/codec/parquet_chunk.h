// A column's chunk of a row group while it is written: what is known of its pages, and, of a column that
// waits for another to be written first, the pages themselves.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "codec/parquet_encodings.h"
#include "codec/parquet_file.h"
#include "codec/parquet_pages.h"

namespace penstock::codec::parquet {

// How the values of a column are ordered.
enum class Order : std::uint8_t {
  int32,
  int64,
  boolean,
  float32,
  float64,
  bytes,
  text,     // as bytes, and what is cut off is whole characters
  decimal,  // a number in two's complement, the highest byte first
};
Order order_of(const Column& column);

// A column's least and greatest value so far. Byte arrays count by their first 64 bytes. What is no number
// does not count.
class Extent {
 public:
  static constexpr std::size_t k_bytes_max = 64;

  explicit Extent(Order order) : order_(order) {}

  void add(std::int64_t value) {
    least_number_ = std::min(least_number_, value);
    greatest_number_ = std::max(greatest_number_, value);
    any_ = true;
  }
  void add(double value) {  // NaN is less and greater than nothing
    least_real_ = value < least_real_ ? value : least_real_;
    greatest_real_ = value > greatest_real_ ? value : greatest_real_;
    any_ = any_ || !std::isnan(value);
  }
  // Of a byte array its first k_bytes_max bytes are enough, if `bytes` tells how many it has.
  void add(std::string_view value, std::size_t bytes) {
    const std::uint64_t front = front_of(value);
    if (front <= least_front_ || front >= greatest_front_) {
      add_at_edge(value, bytes);
    }
  }
  // None: nothing was added, or the greatest is all ff.
  std::optional<Bounds> bounds() const;

 private:
  // The first eight bytes as a number that is ordered as they are; of what is shorter with zeros behind.
  static std::uint64_t front_of(std::string_view value) {
    std::uint64_t front = 0;
    if (value.size() >= sizeof(front)) {
      std::memcpy(&front, value.data(), sizeof(front));
      return __builtin_bswap64(front);
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      front |= std::uint64_t{static_cast<unsigned char>(value[i])} << (56 - 8 * i);
    }
    return front;
  }
  void add_at_edge(std::string_view value, std::size_t bytes);
  std::optional<Bounds> text_bounds() const;

  Order order_;
  bool any_ = false;
  std::int64_t least_number_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t greatest_number_ = std::numeric_limits<std::int64_t>::min();
  double least_real_ = std::numeric_limits<double>::infinity();
  double greatest_real_ = -std::numeric_limits<double>::infinity();
  // Of byte arrays. What lies between the fronts of both lies between both.
  std::uint64_t least_front_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t greatest_front_ = 0;
  std::string least_;
  std::string greatest_;
  bool least_is_cut_ = false;
  bool greatest_is_cut_ = false;
};

// What the indexes and the footer tell of the chunk's pages. Offsets count from the chunk's first byte.
class ChunkFacts {
 public:
  // `bounded`: whether bounds are told of this column.
  ChunkFacts(Order order, bool bounded) : order_(order), bounded_(bounded) {}

  struct Page {
    std::uint64_t plain_bytes = 0;   // with its header
    std::uint64_t stored_bytes = 0;  // likewise
    std::size_t rows = 0;
    std::size_t values = 0;
    std::size_t nulls = 0;
    std::optional<Bounds> bounds = {};
  };
  void add(Page page);

  std::uint64_t rows() const { return chunk_.rows; }
  std::uint64_t values() const { return chunk_.values; }
  std::uint64_t stored_bytes() const { return chunk_.stored_bytes; }
  // What is kept of the pages in memory.
  std::size_t bytes() const;
  // The chunk begins at this byte of the file, with the dictionary, if it has one. Begins anew.
  Chunk finish(std::uint64_t first_byte, std::optional<Page> dictionary = std::nullopt);

 private:
  struct Known {
    std::uint64_t offset;
    std::uint32_t bytes;
    std::uint64_t first_row;
  };
  struct KnownBounds {
    std::uint64_t nulls = 0;
    bool only_nulls = false;
    std::string least;
    std::string greatest;
  };
  bool is_ascending() const;
  void append_offset_index(Buffer& to, std::uint64_t first_byte) const;
  void append_column_index(Buffer& to) const;
  void widen(const Bounds& bounds);

  Order order_;
  bool bounded_;
  bool unbounded_page_ = false;
  Chunk chunk_;
  std::vector<Known> pages_;
  std::vector<KnownBounds> bounds_;
};

// Whether `a` is before `b` in the order, both as Bounds have them.
bool is_less(Order order, std::string_view a, std::string_view b);

}  // namespace penstock::codec::parquet
