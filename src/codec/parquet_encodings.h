// How Parquet writes the values of a page: DELTA_BINARY_PACKED for integers, and the RLE / bit-packed hybrid
// for levels and for what points into a dictionary. Pure.
//
// Writers take values one by one and hold 128 of them at most. Readers are strict: nothing in the bytes is
// believed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock::codec::parquet {

using Buffer = std::vector<std::byte>;

// Numbers of few bits in the hybrid: runs of equal ones, and groups of eight where there is no run.
//
//   run      varint(length << 1), and the number, in whole bytes
//   groups   varint(groups << 1 | 1), and for each group eight numbers, the first bit lowest; 63 at most
//
// For example, in one bit 0 1 0 and then a hundred times 1 are 03 fa be 01 01: a group (0 1 0 1 1 1 1 1), and
// a run of 95 more (95 << 1 = 190).
class Runs {
 public:
  static constexpr unsigned k_width_max = 16;

  // `width`: of a number, in bits; at least 1.
  explicit Runs(unsigned width = 1) : width_(width) {}

  void add(std::uint16_t number, std::size_t times = 1) {
    for (; times > 0 && (repeats_ == 0 || number != last_); --times) {
      add_one(number);
    }
    count_ += times;
    repeats_ += times;  // the run only grows
  }
  std::size_t count() const { return count_; }
  // An upper bound of what finish() appends.
  std::size_t bytes() const { return out_.size() + 16 + 2 * std::size_t{width_}; }
  // Appends all of it, and begins anew.
  void finish(Buffer& to);
  // What `count` equal numbers become.
  static void append_run(Buffer& to, std::size_t count, std::uint16_t number, unsigned width = 1);

 private:
  void add_one(std::uint16_t number) {
    if (repeats_ > 0) {
      end_run();
    }
    ++count_;
    group_[in_group_] = number;
    if (++in_group_ == group_.size()) {
      end_group();
    }
  }
  void end_run();
  void end_group();
  void add_group();
  void end_groups();

  Buffer out_;
  std::size_t count_ = 0;
  std::size_t repeats_ = 0;  // of `last_`: a run at the end of what was added; 0: there is none
  std::array<std::uint16_t, 8> group_{};
  unsigned width_;
  unsigned in_group_ = 0;
  unsigned groups_ = 0;           // that lie at the end of out_, behind their header
  std::size_t groups_begin_ = 0;  // where that is
  std::uint16_t last_ = 0;
};

// The first `count` numbers of a hybrid that takes all of `bytes`. None: it does not.
std::optional<std::vector<std::uint16_t>> read_runs(Bytes bytes, std::size_t count, unsigned width);

// Bits side by side, as PLAIN has booleans: the first bit lowest.
class Bits {
 public:
  void add(bool bit) {
    if (count_ % 8 == 0) {
      out_.push_back(std::byte{0});
    }
    out_.back() |= static_cast<std::byte>((bit ? 1U : 0U) << (count_ % 8));
    ++count_;
  }
  std::size_t bytes() const { return out_.size(); }
  // Appends all of it, and begins anew.
  void finish(Buffer& to);

 private:
  Buffer out_;
  std::size_t count_ = 0;
};

// Integers by their differences.
//
//   header   varint(128) varint(4) varint(count) zigzag(first)
//   block    zigzag(least difference), four widths in bits, then four times 32 differences less the least,
//            each in its width, the first bit lowest
//
// For example, 7, 8, 9 are 80 01 04 03 0e | 02 00 00 00 00: each differs by 1 from the one before, and what
// is left of that is 0 in 0 bits. The last block has no bytes for miniblocks that hold nothing.
template <class Int>
class DeltaPacked {
  static_assert(std::is_same_v<Int, std::int32_t> || std::is_same_v<Int, std::int64_t>);

 public:
  void add(Int value) {
    if (count_ == 0) {
      first_ = value;
    } else {
      differences_.push_back(static_cast<Int>(static_cast<Unsigned>(value) - static_cast<Unsigned>(last_)));
    }
    last_ = value;
    ++count_;
    if (differences_.size() == k_block) {
      end_block();
    }
  }
  std::size_t count() const { return count_; }
  // An upper bound of what finish() appends.
  std::size_t bytes() const { return out_.size() + 32 + differences_.size() * sizeof(Int); }
  // Appends all of it, and begins anew.
  void finish(Buffer& to);

 private:
  using Unsigned = std::make_unsigned_t<Int>;
  static constexpr std::size_t k_block = 128;

  void end_block();

  Buffer out_;
  std::vector<Int> differences_;
  std::size_t count_ = 0;
  Int first_ = 0;
  Int last_ = 0;
};

extern template class DeltaPacked<std::int32_t>;
extern template class DeltaPacked<std::int64_t>;

// The values of a page, `count` of them, which take all of `bytes`. None: they do not, or one does not fit
// into `Int`.
template <class Int>
std::optional<std::vector<Int>> read_delta_packed(Bytes bytes, std::size_t count);

extern template std::optional<std::vector<std::int32_t>> read_delta_packed<std::int32_t>(Bytes, std::size_t);
extern template std::optional<std::vector<std::int64_t>> read_delta_packed<std::int64_t>(Bytes, std::size_t);

// Little-endian, as Parquet has numbers: the lowest `bytes` bytes.
void append_little(Buffer& to, std::uint64_t value, std::size_t bytes);
std::uint64_t read_little(Bytes bytes);
void append_uint32(Buffer& to, std::uint32_t value);
inline void write_uint32(std::byte* to, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) {
    to[i] = static_cast<std::byte>(value >> (8 * i));
  }
}
inline std::uint32_t read_uint32(const std::byte* at) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) {
    value |= static_cast<std::uint32_t>(at[i]) << (8 * i);
  }
  return value;
}

}  // namespace penstock::codec::parquet
