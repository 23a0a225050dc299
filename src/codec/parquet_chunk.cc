// How it works. Of each page is kept where it lies, how many rows and nulls it has, and its bounds. finish()
// writes from these the OffsetIndex and the ColumnIndex, and adds them up for the footer. Offsets count from
// the chunk's first byte until the chunk's place in the file is known.
//
// For example, the pages of a key have the bounds "a" to "k" and "f" to "z", 100 and 50 rows, 4,000 and 2,500
// bytes. If the chunk begins at byte 10,000, its pages lie at 10,000 and 14,000 and begin with the rows 0 and
// 100. Its bounds are "a" to "z". A text of more than 64 bytes is cut there: "kkk...k" is told as "kkk...l"
// where it is the greatest, as what was cut off is less than that. In a column of text whole characters are
// cut off, and the last of those that are left is raised, since bounds must be text as well.
#include "codec/parquet_chunk.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/utf8.h"
#include "codec/parquet_thrift.h"

namespace penstock::codec::parquet {
namespace {

// ColumnIndex.boundary_order.
constexpr std::int64_t k_unordered = 0;
constexpr std::int64_t k_ascending = 1;

bool is_byte_array(Order order) {
  return order == Order::bytes || order == Order::text || order == Order::decimal;
}

std::string plain(std::uint64_t bits, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    text[i] = static_cast<char>(bits >> (8 * i));
  }
  return text;
}

std::string plain_number(Order order, std::int64_t value) {
  return plain(static_cast<std::uint64_t>(value), order == Order::boolean ? 1
                                                  : order == Order::int32 ? 4
                                                                          : 8);
}

std::string plain_real(Order order, double value) {
  return order == Order::float32 ? plain(std::bit_cast<std::uint32_t>(static_cast<float>(value)), 4)
                                 : plain(std::bit_cast<std::uint64_t>(value), 8);
}

std::int64_t number_of(std::string_view bytes) {
  const std::uint64_t value = read_little(as_bytes(bytes));
  return bytes.size() == 4 ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value);
}

double real_of(std::string_view bytes) {
  const std::uint64_t bits = read_little(as_bytes(bytes));
  return bytes.size() == 4 ? std::bit_cast<float>(static_cast<std::uint32_t>(bits))
                           : std::bit_cast<double>(bits);
}

// Of two decimals of one length.
bool is_less_signed(std::string_view a, std::string_view b) {
  const auto is_negative = [](std::string_view number) {
    return !number.empty() && static_cast<unsigned char>(number.front()) >= 0x80;
  };
  return is_negative(a) == is_negative(b) ? a < b : is_negative(a);
}

// The least text that is greater than every text that begins with this one; empty: there is none.
std::string raised(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) == 0xff) {
    text.pop_back();
  }
  if (!text.empty()) {
    text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
  }
  return text;
}

// Where the last character begins.
std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) {
    --at;
  }
  return at;
}

// Without the character that was cut.
std::string whole_characters(std::string text) {
  if (!text.empty()) {
    const std::size_t at = last_character(text);
    if (utf8_sequence(std::string_view(text).substr(at)) == 0) {
      text.resize(at);
    }
  }
  return text;
}

// The character behind this one as UTF-8; empty: it is the last. Surrogates are none.
std::string next_character(std::string_view character) {
  const auto byte = [character](std::size_t i) { return unsigned{static_cast<unsigned char>(character[i])}; };
  std::uint32_t code = byte(0);
  if (character.size() > 1) {
    code &= 0x7FU >> character.size();
    for (std::size_t i = 1; i < character.size(); ++i) {
      code = code << 6 | (byte(i) & 0x3FU);
    }
  }
  code = code == 0xD7FF ? 0xE000 : code + 1;
  const auto tail = [code](unsigned shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    return {static_cast<char>(code)};
  }
  if (code < 0x800) {
    return {static_cast<char>(0xC0 | code >> 6), tail(0)};
  }
  if (code < 0x10000) {
    return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  }
  return code > 0x10FFFF ? std::string()
                         : std::string{static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

// As raised(), of whole characters.
std::string raised_text(std::string text) {
  while (!text.empty()) {
    const std::size_t at = last_character(text);
    const std::string next = next_character(std::string_view(text).substr(at));
    text.resize(at);
    if (!next.empty()) {
      return text + next;
    }
  }
  return text;
}

}  // namespace

Order order_of(const Column& column) {
  switch (column.type) {
    case Type::boolean:
      return Order::boolean;
    case Type::int32:
      return Order::int32;
    case Type::int64:
      return Order::int64;
    case Type::float32:
      return Order::float32;
    case Type::float64:
      return Order::float64;
    case Type::fixed:
      return Order::decimal;
    case Type::byte_array:
      break;
  }
  return column.meaning == Meaning::text ? Order::text : Order::bytes;
}

bool is_less(Order order, std::string_view a, std::string_view b) {
  switch (order) {
    case Order::bytes:
    case Order::text:
      return a < b;
    case Order::decimal:
      return is_less_signed(a, b);
    case Order::float32:
    case Order::float64:
      return real_of(a) < real_of(b);
    case Order::boolean:
    case Order::int32:
    case Order::int64:
      break;
  }
  return number_of(a) < number_of(b);
}

// A text that was cut is greater than what is left of it, and less than what is left of a greater one.
void Extent::add_at_edge(std::string_view value, std::size_t bytes) {
  if (order_ == Order::decimal) {
    if (!any_ || is_less_signed(value, least_)) {
      least_ = value;
    }
    if (!any_ || is_less_signed(greatest_, value)) {
      greatest_ = value;
    }
    any_ = true;
    return;
  }
  const std::string_view front = value.substr(0, k_bytes_max);
  const bool is_cut = bytes > front.size();
  const int order = any_ ? front.compare(greatest_) : 1;
  if (order > 0) {
    greatest_ = front;
    greatest_front_ = front_of(front);
    greatest_is_cut_ = is_cut;
  } else if (order == 0) {
    greatest_is_cut_ = greatest_is_cut_ || is_cut;
  }
  if (!any_ || (order < 0 && front < least_)) {
    least_ = front;
    least_front_ = front_of(front);
    least_is_cut_ = is_cut;
  }
  any_ = true;
}

std::optional<Bounds> Extent::bounds() const {
  if (!any_) {
    return std::nullopt;
  }
  if (is_byte_array(order_)) {
    return text_bounds();
  }
  if (order_ == Order::float32 || order_ == Order::float64) {
    // A reader may take -0 and +0 for equal or not: both lie between -0 and +0.
    return Bounds{.least = plain_real(order_, least_real_ == 0 ? -0.0 : least_real_),
                  .greatest = plain_real(order_, greatest_real_ == 0 ? 0.0 : greatest_real_)};
  }
  return Bounds{.least = plain_number(order_, least_number_),
                .greatest = plain_number(order_, greatest_number_)};
}

std::optional<Bounds> Extent::text_bounds() const {
  const bool is_text = order_ == Order::text;
  Bounds bounds{.least = is_text && least_is_cut_ ? whole_characters(least_) : least_,
                .greatest = greatest_,
                .least_is_exact = !least_is_cut_,
                .greatest_is_exact = !greatest_is_cut_};
  if (greatest_is_cut_) {
    bounds.greatest = is_text ? raised_text(whole_characters(greatest_)) : raised(greatest_);
    if (bounds.greatest.empty()) {
      return std::nullopt;
    }
  }
  return bounds;
}

void ChunkFacts::add(Page page) {
  pages_.push_back({.offset = chunk_.stored_bytes,
                    .bytes = static_cast<std::uint32_t>(page.stored_bytes),
                    .first_row = chunk_.rows});
  chunk_.plain_bytes += page.plain_bytes;
  chunk_.stored_bytes += page.stored_bytes;
  chunk_.rows += page.rows;
  chunk_.values += page.values;
  chunk_.nulls += page.nulls;
  if (!bounded_) {
    return;
  }
  KnownBounds& known = bounds_.emplace_back();
  known.nulls = page.nulls;
  known.only_nulls = page.nulls == page.values;
  if (page.bounds) {
    widen(*page.bounds);
    known.least = std::move(page.bounds->least);
    known.greatest = std::move(page.bounds->greatest);
  } else if (!known.only_nulls) {
    unbounded_page_ = true;
  }
}

void ChunkFacts::widen(const Bounds& bounds) {
  if (!chunk_.bounds) {
    chunk_.bounds = bounds;
    return;
  }
  if (is_less(order_, bounds.least, chunk_.bounds->least)) {
    chunk_.bounds->least = bounds.least;
    chunk_.bounds->least_is_exact = bounds.least_is_exact;
  }
  if (is_less(order_, chunk_.bounds->greatest, bounds.greatest)) {
    chunk_.bounds->greatest = bounds.greatest;
    chunk_.bounds->greatest_is_exact = bounds.greatest_is_exact;
  }
}

std::size_t ChunkFacts::bytes() const {
  std::size_t bytes = pages_.capacity() * sizeof(Known) + bounds_.capacity() * sizeof(KnownBounds);
  for (const KnownBounds& known : bounds_) {
    bytes += known.least.capacity() + known.greatest.capacity();
  }
  return bytes;
}

bool ChunkFacts::is_ascending() const {
  const KnownBounds* before = nullptr;
  for (const KnownBounds& page : bounds_) {
    if (page.only_nulls) {
      continue;
    }
    if (before != nullptr &&
        (is_less(order_, page.least, before->least) || is_less(order_, page.greatest, before->greatest))) {
      return false;
    }
    before = &page;
  }
  return true;
}

// `first_byte` is that of the first data page.
void ChunkFacts::append_offset_index(Buffer& to, std::uint64_t first_byte) const {
  ThriftWriter out(to);
  out.begin_list(1, ThriftType::structure, pages_.size());
  for (const Known& page : pages_) {
    out.begin_element();
    out.int64(1, static_cast<std::int64_t>(first_byte + page.offset));
    out.int32(2, page.bytes);
    out.int64(3, static_cast<std::int64_t>(page.first_row));
    out.end();
  }
  out.end();
}

void ChunkFacts::append_column_index(Buffer& to) const {
  ThriftWriter out(to);
  out.begin_list(1, ThriftType::boolean_true, bounds_.size());
  for (const KnownBounds& page : bounds_) {
    out.boolean_element(page.only_nulls);
  }
  out.begin_list(2, ThriftType::binary, bounds_.size());
  for (const KnownBounds& page : bounds_) {
    out.element(std::string_view(page.least));
  }
  out.begin_list(3, ThriftType::binary, bounds_.size());
  for (const KnownBounds& page : bounds_) {
    out.element(std::string_view(page.greatest));
  }
  out.int32(4, is_ascending() ? k_ascending : k_unordered);
  out.begin_list(5, ThriftType::int64, bounds_.size());
  for (const KnownBounds& page : bounds_) {
    out.element(static_cast<std::int64_t>(page.nulls));
  }
  out.end();
}

// A page without bounds leaves the chunk without any: a reader could skip what it must not.
Chunk ChunkFacts::finish(std::uint64_t first_byte, std::optional<Page> dictionary) {
  Chunk chunk = std::exchange(chunk_, {});
  chunk.data_offset = first_byte;
  if (dictionary) {
    chunk.dictionary_offset = first_byte;
    chunk.data_offset += dictionary->stored_bytes;
    chunk.plain_bytes += dictionary->plain_bytes;
    chunk.stored_bytes += dictionary->stored_bytes;
  }
  append_offset_index(chunk.offset_index, chunk.data_offset);
  if (unbounded_page_) {
    chunk.bounds.reset();
  } else if (bounded_) {
    append_column_index(chunk.column_index);
  }
  chunk.offset_index.shrink_to_fit();
  chunk.column_index.shrink_to_fit();
  pages_ = std::vector<Known>();
  bounds_ = std::vector<KnownBounds>();
  unbounded_page_ = false;
  return chunk;
}

}  // namespace penstock::codec::parquet
