// How it works. Runs fills a group of eight numbers. When a group is full and its numbers are not all equal,
// it joins the groups before it. Eight equal ones become a run instead, which grows until another number
// comes. So a run always begins at a multiple of eight, as the format demands.
//
// DeltaPacked keeps the differences of up to 128 values. Of a full block, and of the last one, it takes the
// least difference off and packs the rest in miniblocks of 32, each as wide as its largest one needs. Sums
// and differences wrap, in the width of the column, as the format has it: the difference of the least and the
// greatest 64-bit number needs 65 bits and is taken modulo 2^64.
#include "codec/parquet_encodings.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/varint.h"

namespace penstock::codec::parquet {
namespace {

constexpr std::size_t k_mini_blocks = 4;
constexpr std::size_t k_mini_block = 32;
constexpr unsigned k_groups_max = 63;  // so that their header is one byte

// 32 values of `width` bits, the first bit lowest: 4 x width bytes.
template <class Unsigned>
void append_packed(Buffer& to, const Unsigned* values, unsigned width) {
  const std::size_t begin = to.size();
  to.resize(begin + std::size_t{4} * width);
  std::byte* out = to.data() + begin;
  std::uint64_t bits = 0;
  unsigned filled = 0;
  for (std::size_t i = 0; i < k_mini_block && width > 0; ++i) {
    const std::uint64_t value = values[i];
    bits |= value << filled;
    filled += width;
    if (filled >= 64) {
      std::memcpy(out, &bits, sizeof(bits));
      out += sizeof(bits);
      filled -= 64;
      bits = filled == 0 ? 0 : value >> (width - filled);
    }
  }
  std::memcpy(out, &bits, filled / 8);
}

// A cursor over bytes that are not believed.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : bytes_(bytes) {}

  std::optional<std::uint64_t> varint() {
    VarintReader number;
    auto taken = VarintReader::Taken::more;
    while (taken == VarintReader::Taken::more && at_ < bytes_.size()) {
      taken = number.add(bytes_[at_++]);
    }
    return taken == VarintReader::Taken::whole ? std::optional(number.value()) : std::nullopt;
  }

  std::optional<std::int64_t> zigzag() {
    const std::optional<std::uint64_t> value = varint();
    return value ? std::optional(unzigzag(*value)) : std::nullopt;
  }

  std::optional<Bytes> take(std::size_t count) {
    if (count > bytes_.size() - at_) {
      return std::nullopt;
    }
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }

  bool done() const { return at_ == bytes_.size(); }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

// The value of `width` bits, at most 64, that begins at `bit`. It lies within `bytes`.
std::uint64_t bits_at(Bytes bytes, std::size_t bit, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned taken = 0; taken < width;) {
    const auto in_byte = static_cast<unsigned>((bit + taken) % 8);
    const std::uint64_t byte = static_cast<std::uint64_t>(bytes[(bit + taken) / 8]) >> in_byte;
    value |= byte << taken;
    taken += 8 - in_byte;
  }
  return width == 64 ? value : value & ((std::uint64_t{1} << width) - 1);
}

template <class Int>
bool fits(std::int64_t value) {
  return static_cast<std::int64_t>(static_cast<Int>(value)) == value;
}

// A block, of which `left` values are still wanted.
template <class Int>
bool read_block(Cursor& cursor, std::size_t count, std::vector<Int>& values) {
  using Unsigned = std::make_unsigned_t<Int>;
  const std::optional<std::int64_t> least = cursor.zigzag();
  const std::optional<Bytes> widths = cursor.take(k_mini_blocks);
  if (!least || !widths || !fits<Int>(*least)) {
    return false;
  }
  for (std::size_t mini = 0; mini < k_mini_blocks && values.size() < count; ++mini) {
    const auto width = static_cast<unsigned>((*widths)[mini]);
    const std::optional<Bytes> packed = cursor.take(std::size_t{4} * width);
    if (width > 8 * sizeof(Int) || !packed) {
      return false;
    }
    for (std::size_t i = 0; i < k_mini_block && values.size() < count; ++i) {
      const auto rest = static_cast<Unsigned>(bits_at(*packed, i * width, width));
      values.push_back(
          static_cast<Int>(static_cast<Unsigned>(values.back()) + static_cast<Unsigned>(*least) + rest));
    }
  }
  return true;
}

}  // namespace

// Runs and groups

void Runs::end_run() {
  append_run(out_, repeats_, last_, width_);
  repeats_ = 0;
}

// It is full.
void Runs::end_group() {
  if (std::equal(group_.begin() + 1, group_.end(), group_.begin())) {
    end_groups();
    last_ = group_.front();
    repeats_ = group_.size();
  } else {
    add_group();
  }
  in_group_ = 0;
}

// Of numbers that are packed, 32 bits and more go out together.
void Runs::add_group() {
  if (groups_ == k_groups_max) {
    end_groups();
  }
  if (groups_ == 0) {
    groups_begin_ = out_.size();
    out_.push_back(std::byte{0});
  }
  std::array<std::byte, 8 * k_width_max / 8 + sizeof(std::uint32_t)> packed;
  std::size_t at = 0;
  std::uint64_t bits = 0;
  unsigned filled = 0;
  for (const std::uint16_t number : group_) {
    bits |= std::uint64_t{number} << filled;
    filled += width_;
    if (filled >= 32) {
      write_uint32(packed.data() + at, static_cast<std::uint32_t>(bits));
      at += sizeof(std::uint32_t);
      bits >>= 32;
      filled -= 32;
    }
  }
  write_uint32(packed.data() + at, static_cast<std::uint32_t>(bits));
  out_.insert(out_.end(), packed.begin(), packed.begin() + width_);
  ++groups_;
}

void Runs::end_groups() {
  if (groups_ > 0) {
    out_[groups_begin_] = static_cast<std::byte>(groups_ << 1 | 1U);
    groups_ = 0;
  }
}

void Runs::append_run(Buffer& to, std::size_t count, std::uint16_t number, unsigned width) {
  append_varint(to, std::uint64_t{count} << 1);
  append_little(to, number, (width + 7) / 8);
}

void Runs::finish(Buffer& to) {
  if (repeats_ > 0) {
    end_run();
  } else if (in_group_ > 0) {
    std::fill(group_.begin() + in_group_, group_.end(), std::uint16_t{0});
    add_group();
  }
  end_groups();
  to.insert(to.end(), out_.begin(), out_.end());
  *this = Runs(width_);
}

std::optional<std::vector<std::uint16_t>> read_runs(Bytes bytes, std::size_t count, unsigned width) {
  if (width == 0 || width > Runs::k_width_max) {
    return std::nullopt;
  }
  std::vector<std::uint16_t> numbers;
  Cursor cursor(bytes);
  while (numbers.size() < count) {
    const std::optional<std::uint64_t> header = cursor.varint();
    const std::size_t left = count - numbers.size();
    if (!header || *header >> 1 == 0 || *header >> 1 > left + 7) {
      return std::nullopt;
    }
    const auto length = static_cast<std::size_t>(*header >> 1);
    if ((*header & 1) == 0) {
      const std::optional<Bytes> number = cursor.take((width + 7) / 8);
      if (!number || read_little(*number) >> width != 0 || length > left) {
        return std::nullopt;
      }
      numbers.insert(numbers.end(), length, static_cast<std::uint16_t>(read_little(*number)));
      continue;
    }
    const std::optional<Bytes> groups = length > (left + 7) / 8 ? std::nullopt : cursor.take(length * width);
    if (!groups) {
      return std::nullopt;
    }
    for (std::size_t i = 0; i < std::min(8 * length, left); ++i) {
      numbers.push_back(static_cast<std::uint16_t>(bits_at(*groups, i * width, width)));
    }
  }
  return cursor.done() ? std::optional(std::move(numbers)) : std::nullopt;
}

void Bits::finish(Buffer& to) {
  to.insert(to.end(), out_.begin(), out_.end());
  *this = Bits();
}

// Integers

template <class Int>
void DeltaPacked<Int>::end_block() {
  const Int least = *std::min_element(differences_.begin(), differences_.end());
  std::array<Unsigned, k_block> rest{};
  for (std::size_t i = 0; i < differences_.size(); ++i) {
    rest[i] = static_cast<Unsigned>(differences_[i]) - static_cast<Unsigned>(least);
  }
  append_varint(out_, zigzag(least));
  std::array<unsigned, k_mini_blocks> widths{};
  for (std::size_t mini = 0; mini < k_mini_blocks; ++mini) {
    Unsigned any = 0;
    for (std::size_t i = 0; i < k_mini_block; ++i) {
      any |= rest[mini * k_mini_block + i];
    }
    widths[mini] = static_cast<unsigned>(std::bit_width(any));
    out_.push_back(static_cast<std::byte>(widths[mini]));
  }
  for (std::size_t mini = 0; mini * k_mini_block < differences_.size(); ++mini) {
    append_packed(out_, rest.data() + mini * k_mini_block, widths[mini]);
  }
  differences_.clear();
}

template <class Int>
void DeltaPacked<Int>::finish(Buffer& to) {
  if (!differences_.empty()) {
    end_block();
  }
  append_varint(to, k_block);
  append_varint(to, k_mini_blocks);
  append_varint(to, count_);
  append_varint(to, zigzag(first_));
  to.insert(to.end(), out_.begin(), out_.end());
  out_.clear();
  count_ = 0;
  first_ = 0;
}

template class DeltaPacked<std::int32_t>;
template class DeltaPacked<std::int64_t>;

template <class Int>
std::optional<std::vector<Int>> read_delta_packed(Bytes bytes, std::size_t count) {
  Cursor cursor(bytes);
  const std::optional<std::uint64_t> block = cursor.varint();
  const std::optional<std::uint64_t> mini_blocks = cursor.varint();
  const std::optional<std::uint64_t> told = cursor.varint();
  const std::optional<std::int64_t> first = cursor.zigzag();
  if (block != k_mini_blocks * k_mini_block || mini_blocks != k_mini_blocks || told != count || !first ||
      !fits<Int>(*first)) {
    return std::nullopt;
  }
  std::vector<Int> values;
  if (count > 0) {
    values.push_back(static_cast<Int>(*first));
  }
  while (values.size() < count) {
    if (!read_block(cursor, count, values)) {
      return std::nullopt;
    }
  }
  return cursor.done() ? std::optional(std::move(values)) : std::nullopt;
}

template std::optional<std::vector<std::int32_t>> read_delta_packed<std::int32_t>(Bytes, std::size_t);
template std::optional<std::vector<std::int64_t>> read_delta_packed<std::int64_t>(Bytes, std::size_t);

void append_little(Buffer& to, std::uint64_t value, std::size_t bytes) {
  std::array<std::byte, 8> all;
  for (unsigned i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::byte>(value >> (8 * i));
  }
  to.insert(to.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(bytes));
}

std::uint64_t read_little(Bytes bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  }
  return value;
}

void append_uint32(Buffer& to, std::uint32_t value) {
  std::array<std::byte, 4> bytes;
  write_uint32(bytes.data(), value);
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace penstock::codec::parquet
