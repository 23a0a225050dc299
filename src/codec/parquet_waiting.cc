// How it works. Each column keeps the open page in the encoder of its values, and complete pages as they will
// be in the file. finish() puts the dictionary's page in front of them, if the column has one.
//
// For example, _timestamp_type with the rows CreateTime, null, CreateTime: levels 1 0 1, indexes 0 0. The
// page has the levels behind their length, a byte with the bits of an index, and the indexes. Its chunk
// begins with the page of both words.
//
// Words that are found (Found) are kept as numbers until the page ends. The first page of a chunk shows
// whether they help: a dictionary of as many bytes as the values is none. Then, and when the dictionary is
// full, the numbers of the open page become PLAIN values, and the chunk goes on with these. For example,
// pages of 1,000 values: two with numbers, a word too many in the middle of the third. The third and all that
// follow are PLAIN, and the dictionary stands in front of the first.
#include "codec/parquet_waiting.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace penstock::codec::parquet {
namespace {

constexpr std::byte k_index_bits{1};
constexpr std::size_t k_decimal_bytes_max = 16;  // as a cell has it

template <class... Each>
struct ForEach : Each... {
  using Each::operator()...;
};
template <class... Each>
ForEach(Each...) -> ForEach<Each...>;

// Makes room once for all of them.
void append_texts(Buffer& to, std::span<const std::string_view> texts) {
  std::size_t at = to.size();
  std::size_t end = at;
  for (const std::string_view text : texts) {
    end += sizeof(std::uint32_t) + text.size();
  }
  to.resize(end);
  for (const std::string_view text : texts) {
    write_uint32(to.data() + at, static_cast<std::uint32_t>(text.size()));
    at += sizeof(std::uint32_t);
    at += text.copy(reinterpret_cast<char*>(to.data()) + at, text.size());
  }
}

void append_text(Buffer& to, std::string_view text) {
  append_texts(to, {&text, 1});
}

// Parquet has the order of our machines.
template <class Number>
void append_number(Buffer& to, Number value) {
  const std::size_t at = to.size();
  to.resize(at + sizeof(Number));
  std::memcpy(to.data() + at, &value, sizeof(Number));
}

unsigned index_bits(std::size_t words) {
  return std::max(1U, static_cast<unsigned>(std::bit_width(words - 1)));
}

}  // namespace

WaitingColumn::WaitingColumn(const Column& column, Options options)
    : column_(column),
      definition_max_(column.definition_max()),
      repetition_max_(column.repetition_max()),
      bounded_(options.bounded),
      finds_words_(options.finds_words),
      page_bytes_max_(options.page_bytes_max),
      facts_(order_of(column), options.bounded),
      definitions_(std::max(1U, level_bits(definition_max_))),
      repetitions_(std::max(1U, level_bits(repetition_max_))),
      extent_(order_of(column)) {
  if (column.type == Type::int32) {
    values_.emplace<DeltaPacked<std::int32_t>>();
  } else if (column.type == Type::int64) {
    values_.emplace<DeltaPacked<std::int64_t>>();
  } else if (column.type == Type::boolean) {
    values_.emplace<Bits>();
  } else if (!options.words.empty()) {
    CHECK((options.words.size() <= k_words_max && column.type == Type::byte_array));
    values_.emplace<Words>().words = std::move(options.words);
  }
  begin_words();
}

void WaitingColumn::begin_words() {
  if (finds_words_) {
    values_.emplace<Found>();
  }
}

// Flat rows

void WaitingColumn::add_levels(std::size_t rows) {
  if (definition_max_ > 0) {
    definitions_.add(definition_max_, rows);
  }
  page_rows_ += rows;
  page_values_ += rows;
}

void WaitingColumn::add_null(std::size_t rows) {
  CHECK(definition_max_ > 0);
  definitions_.add(0, rows);
  if (repetition_max_ > 0) {
    repetitions_.add(0, rows);
  }
  page_rows_ += rows;
  page_values_ += rows;
  page_nulls_ += rows;
}

void WaitingColumn::add(std::span<const std::int64_t> numbers) {
  if (auto* narrow = std::get_if<DeltaPacked<std::int32_t>>(&values_)) {
    for (const std::int64_t number : numbers) {
      narrow->add(static_cast<std::int32_t>(number));
    }
  } else {
    auto& wide = std::get<DeltaPacked<std::int64_t>>(values_);
    for (const std::int64_t number : numbers) {
      wide.add(number);
    }
  }
  if (bounded_ && !numbers.empty()) {
    const auto [least, greatest] = std::minmax_element(numbers.begin(), numbers.end());
    extent_.add(*least);
    extent_.add(*greatest);
  }
  add_levels(numbers.size());
}

void WaitingColumn::add(std::span<const std::string_view> texts) {
  if (auto* plain = std::get_if<Plain>(&values_)) {
    append_texts(plain->out, texts);
    for (const std::string_view text : bounded_ ? texts : std::span<const std::string_view>()) {
      extent_.add(text, text.size());
    }
  } else {
    for (const std::string_view text : texts) {
      add_text(text);
    }
  }
  add_levels(texts.size());
}

void WaitingColumn::add_word(std::size_t index, std::size_t rows) {
  auto& words = std::get<Words>(values_);
  words.indexes.add(static_cast<std::uint16_t>(index), rows);
  if (bounded_) {
    extent_.add(words.words[index], words.words[index].size());
  }
  add_levels(rows);
}

void WaitingColumn::add_text(std::string_view text) {
  if (auto* found = std::get_if<Found>(&values_)) {
    if (const std::optional<std::uint16_t> number = found->words.number_of(text)) {
      found->numbers.push_back(*number);
      found->plain_bytes += sizeof(std::uint32_t) + text.size();
      return;
    }
    give_up_words();
  }
  if (bounded_) {
    extent_.add(text, text.size());
  }
  append_text(std::get<Plain>(values_).out, text);
}

// Cells

void WaitingColumn::add(const Cell& cell) {
  if (repetition_max_ > 0) {
    repetitions_.add(cell.repetition);
  }
  if (definition_max_ > 0) {
    definitions_.add(cell.definition);
  }
  page_rows_ += cell.repetition == 0 ? 1 : 0;
  ++page_values_;
  if (cell.definition < definition_max_) {
    ++page_nulls_;
  } else {
    add_value(cell);
  }
}

void WaitingColumn::add_value(const Cell& cell) {
  switch (column_.type) {
    case Type::boolean:
      std::get<Bits>(values_).add(cell.number != 0);
      break;
    case Type::int32:
      std::get<DeltaPacked<std::int32_t>>(values_).add(static_cast<std::int32_t>(cell.number));
      break;
    case Type::int64:
      std::get<DeltaPacked<std::int64_t>>(values_).add(cell.number);
      break;
    case Type::float32:
    case Type::float64:
      add_real(cell.real);
      return;
    case Type::byte_array:
      add_text({cell.text, cell.bytes});
      return;
    case Type::fixed: {
      const std::string_view text(cell.text + k_decimal_bytes_max - column_.length, column_.length);
      const Bytes bytes = as_bytes(text);
      Buffer& out = std::get<Plain>(values_).out;
      out.insert(out.end(), bytes.begin(), bytes.end());
      if (bounded_) {
        extent_.add(text, text.size());
      }
      return;
    }
  }
  if (bounded_) {
    extent_.add(cell.number);
  }
}

void WaitingColumn::add_real(double value) {
  Buffer& out = std::get<Plain>(values_).out;
  if (column_.type == Type::float32) {
    append_number(out, static_cast<float>(value));
  } else {
    append_number(out, value);
  }
  if (bounded_) {
    extent_.add(value);
  }
}

// Words that are found

// The open page is the first: with as many words as values there is nothing to gain.
bool WaitingColumn::helps(const Found& found) const {
  const std::size_t packed = found.numbers.size() * index_bits(found.words.size()) / 8;
  return found.is_used || found.words.plain().size() + packed < found.plain_bytes;
}

// The bounds of the open page: each of its words once.
void WaitingColumn::add_words_to_extent(const Found& found) {
  std::vector<bool> added(found.words.size());
  for (const std::uint16_t number : found.numbers) {
    if (!added[number]) {
      added[number] = true;
      const std::string_view word = as_text(found.words.plain_of(number).subspan(sizeof(std::uint32_t)));
      extent_.add(word, word.size());
    }
  }
}

void WaitingColumn::give_up_words() {
  Found found = std::move(std::get<Found>(values_));
  if (bounded_) {
    add_words_to_extent(found);
  }
  Buffer& out = values_.emplace<Plain>().out;
  out.reserve(found.plain_bytes);
  for (const std::uint16_t number : found.numbers) {
    const Bytes word = found.words.plain_of(number);
    out.insert(out.end(), word.begin(), word.end());
  }
  if (found.is_used) {
    dictionary_ = std::move(found.words);
  }
}

// Pages

std::size_t WaitingColumn::bytes() const {
  const auto* plain = std::get_if<Plain>(&values_);
  const auto* found = std::get_if<Found>(&values_);
  const std::size_t unused = plain == nullptr ? 0 : plain->out.capacity() - plain->out.size();
  return pages_.capacity() + page_bytes() + unused + facts_.bytes() + dictionary_.bytes() +
         (found == nullptr ? 0 : found->words.bytes() + found->numbers.capacity() * sizeof(std::uint16_t));
}

std::size_t WaitingColumn::page_bytes() const {
  return (definition_max_ > 0 ? definitions_.bytes() : 0) + (repetition_max_ > 0 ? repetitions_.bytes() : 0) +
         std::visit(ForEach{[](const Plain& plain) { return plain.out.size(); },
                            [](const Words& words) { return words.indexes.bytes(); },
                            // The words may be given up, and then the page is plain.
                            [](const Found& found) {
                              return std::max(found.numbers.size() * sizeof(std::uint16_t),
                                              found.plain_bytes);
                            },
                            [](const auto& numbers) { return numbers.bytes(); }},
                    values_);
}

void WaitingColumn::append_levels(Buffer& body) {
  const auto append = [&body](Runs& runs) {
    Buffer levels;
    runs.finish(levels);
    append_uint32(body, static_cast<std::uint32_t>(levels.size()));
    body.insert(body.end(), levels.begin(), levels.end());
  };
  if (repetition_max_ > 0) {
    append(repetitions_);
  }
  if (definition_max_ > 0) {
    append(definitions_);
  }
}

Encoding WaitingColumn::append_values(Buffer& body) {
  if (const auto* found = std::get_if<Found>(&values_)) {
    if (found->numbers.empty()) {
      return Encoding::plain;
    }
    if (!helps(*found)) {
      give_up_words();
    }
  }
  return std::visit(ForEach{[&body](Plain& plain) {
                              body.insert(body.end(), plain.out.begin(), plain.out.end());
                              plain.out = Buffer();
                              return Encoding::plain;
                            },
                            [&body](Words& words) {
                              body.push_back(k_index_bits);
                              words.indexes.finish(body);
                              return Encoding::rle_dictionary;
                            },
                            [this, &body](Found& found) {
                              if (bounded_) {
                                add_words_to_extent(found);
                              }
                              const unsigned width = index_bits(found.words.size());
                              Runs indexes(width);
                              for (const std::uint16_t number : found.numbers) {
                                indexes.add(number);
                              }
                              body.push_back(static_cast<std::byte>(width));
                              indexes.finish(body);
                              found.numbers.clear();
                              found.plain_bytes = 0;
                              found.is_used = true;
                              return Encoding::rle_dictionary;
                            },
                            [&body](Bits& bits) {
                              bits.finish(body);
                              return Encoding::plain;
                            },
                            [&body](auto& numbers) {
                              numbers.finish(body);
                              return Encoding::delta_binary_packed;
                            }},
                    values_);
}

ChunkFacts::Page WaitingColumn::append_page(Buffer& to, const PageHeader& header, Bytes body,
                                            PageCompressor& compressor) {
  const Bytes stored = compressor.compress(body);
  PageHeader complete = header;
  complete.plain_bytes = static_cast<std::uint32_t>(body.size());
  complete.stored_bytes = static_cast<std::uint32_t>(stored.size());
  complete.crc = crc32(stored);
  const std::size_t begin = to.size();
  append_page_header(to, complete);
  const std::size_t head = to.size() - begin;
  to.insert(to.end(), stored.begin(), stored.end());
  return {.plain_bytes = head + body.size(), .stored_bytes = head + stored.size(), .values = header.values};
}

void WaitingColumn::end_page(PageCompressor& compressor) {
  if (page_values_ == 0) {
    return;
  }
  Buffer body;
  append_levels(body);
  const Encoding encoding = append_values(body);
  ChunkFacts::Page page = append_page(
      pages_, {.values = static_cast<std::uint32_t>(page_values_), .encoding = encoding}, body, compressor);
  page.rows = page_rows_;
  page.nulls = page_nulls_;
  if (bounded_) {
    page.bounds = extent_.bounds();
  }
  facts_.add(std::move(page));
  extent_ = Extent(order_of(column_));
  page_rows_ = page_values_ = page_nulls_ = 0;
}

ChunkFacts::Page WaitingColumn::append_dictionary(Buffer& to, std::size_t words, Bytes body,
                                                  PageCompressor& compressor) {
  return append_page(to, {.is_dictionary = true, .values = static_cast<std::uint32_t>(words)}, body,
                     compressor);
}

Chunk WaitingColumn::finish(std::uint64_t first_byte, PageCompressor& compressor, Buffer& pages) {
  end_page(compressor);
  pages.clear();
  std::optional<ChunkFacts::Page> dictionary;
  if (auto* words = std::get_if<Words>(&values_)) {
    Buffer body;
    for (const std::string& word : words->words) {
      append_text(body, word);
    }
    dictionary = append_dictionary(pages, words->words.size(), body, compressor);
  } else {
    auto* found = std::get_if<Found>(&values_);
    const Dictionary& used = found != nullptr && found->is_used ? found->words : dictionary_;
    if (used.size() > 0) {
      dictionary = append_dictionary(pages, used.size(), used.plain(), compressor);
    }
    dictionary_ = Dictionary();
    begin_words();
  }
  if (pages.empty()) {
    pages = std::exchange(pages_, {});
  } else {
    pages.insert(pages.end(), pages_.begin(), pages_.end());
    pages_ = Buffer();
  }
  return facts_.finish(first_byte, std::move(dictionary));
}

}  // namespace penstock::codec::parquet
