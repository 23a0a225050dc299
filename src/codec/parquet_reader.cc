// How it works. Bytes are gathered until they hold a whole page: its header first, which is at most
// k_page_header_bytes_max long, then as many as the header tells. The footer says to which column the page
// belongs, and where the column's chunk ends. There its rows, nulls and bytes must be what the footer tells.
//
// For example, a row group of two rows and the columns a and b. The footer says that a begins at byte 4 and
// takes 60, and b begins at 64. A page of 60 bytes with two rows ends the chunk of a. Had it one row, or 61
// bytes, the file would be damaged.
//
// What lies behind the last page are the page index and the footer. Both follow from the pages: the reader
// keeps of each page what the writer keeps (ChunkFacts), writes the end of the file anew, and compares. So no
// bound and no count in them can be wrong unnoticed, and a changed bit anywhere is found.
#include "codec/parquet_reader.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "base/concat.h"
#include "codec/json_check.h"
#include "codec/parquet_dictionary.h"

namespace penstock::codec::parquet {
namespace {

constexpr std::size_t k_text_length_bytes = 4;

// The next length-prefixed text at `at`, which moves behind it. False: the bytes end within it.
bool next_text(Bytes bytes, std::size_t& at, std::string_view& text) {
  if (bytes.size() - at < k_text_length_bytes) {
    return false;
  }
  const std::uint32_t length = read_uint32(bytes.data() + at);
  at += k_text_length_bytes;
  if (length > bytes.size() - at) {
    return false;
  }
  text = as_text(bytes.subspan(at, length));
  at += length;
  return true;
}

}  // namespace

PageReader::PageReader(const Footer& footer)
    : footer_(footer), decompressor_(k_page_bytes_max), page_at_(footer.pages_begin) {
  for (const RowGroup& group : footer.groups) {
    seen_.push_back({.rows = group.rows, .chunks = std::vector<Chunk>(group.chunks.size())});
  }
  if (in_pages()) {
    begin_chunk();
  }
}

// Whether the file tells bounds of the column is seen by its having a column index.
void PageReader::begin_chunk() {
  group_ = footer_.order[chunk_].group;
  column_ = footer_.order[chunk_].column;
  const Footer::Indexes& told = footer_.indexes[group_ * footer_.schema.size() + column_];
  facts_.emplace(order_of(column()), told.column_index_bytes > 0);
}

Error PageReader::corrupt(std::string_view what) const {
  if (!in_pages()) {
    return make_error(ErrorKind::corrupt, Action::give_up, concat("the Parquet file ", what));
  }
  return make_error(ErrorKind::corrupt, Action::give_up,
                    concat("the Parquet file ", what, " (row group ", group_, ", column ", column().name,
                           ", the page at byte ", page_at_, ")"));
}

Result<void> PageReader::feed(Bytes stored, const Sink& sink) {
  if (Result<void> magic = take_magic(stored); !magic.ok()) {
    return magic;
  }
  at_ += stored.size();
  gathered_.insert(gathered_.end(), stored.begin(), stored.end());
  for (bool more = true; more && in_pages();) {
    Result<bool> taken = take_page(sink);
    if (!taken.ok()) {
      return std::move(taken).error();
    }
    more = *taken;
  }
  gathered_.erase(gathered_.begin(),
                  gathered_.begin() + static_cast<std::ptrdiff_t>(std::exchange(taken_, 0)));
  return in_pages() || gathered_.size() <= k_end_bytes_max ? Result<void>()
                                                           : corrupt("has an end that is too large");
}

Result<void> PageReader::take_magic(Bytes& stored) {
  while (at_ < k_magic.size() && !stored.empty()) {
    if (static_cast<char>(stored.front()) != k_magic[static_cast<std::size_t>(at_)]) {
      return corrupt("does not begin with PAR1");
    }
    stored = stored.subspan(1);
    ++at_;
  }
  return {};
}

// False: the page is not there as a whole yet.
Result<bool> PageReader::take_page(const Sink& sink) {
  const std::uint64_t chunk_end = chunk().first_byte() + chunk().stored_bytes;
  if (page_at_ == chunk_end) {
    if (facts_->values() != chunk().values || facts_->rows() != chunk().rows) {
      return corrupt("has other pages than its footer tells");
    }
    end_chunk();
    return true;
  }
  const Bytes bytes = Bytes(gathered_).subspan(taken_);
  const std::uint64_t left = chunk_end - page_at_;
  if (bytes.size() < std::min<std::uint64_t>(k_page_header_bytes_max, left)) {
    return false;
  }
  Result<ReadPageHeader> read =
      read_page_header(bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left))));
  if (!read.ok()) {
    return corrupt("has a page whose header is damaged");
  }
  const std::uint64_t page_bytes = read->bytes + std::uint64_t{read->header.stored_bytes};
  if (page_bytes > left || read->header.plain_bytes > k_page_bytes_max || page_bytes > k_page_bytes_max) {
    return corrupt("has a page that is longer than its place");
  }
  if (bytes.size() < page_bytes) {
    return false;
  }
  Buffer head;
  append_page_header(head, read->header);
  if (!std::ranges::equal(head, bytes.first(read->bytes))) {
    return corrupt("has a page whose header penstock does not write");
  }
  const auto count = static_cast<std::size_t>(page_bytes);
  if (Result<void> done = read_page(read->header, bytes.first(count).subspan(read->bytes), count, sink);
      !done.ok()) {
    return std::move(done).error();
  }
  taken_ += count;
  page_at_ += count;
  return true;
}

Result<void> PageReader::read_page(const PageHeader& header, Bytes body, std::size_t bytes,
                                   const Sink& sink) {
  if (header.crc && crc32(body) != *header.crc) {
    return corrupt("has a page whose checksum does not match");
  }
  Bytes plain = body;
  if (footer_.codec != Codec::none) {
    const Result<Bytes> unpacked = decompressor_.decompress(
        footer_.codec == Codec::zstd ? CompressedFormat::zstd : CompressedFormat::snappy, body);
    if (!unpacked.ok()) {
      return corrupt("has a page that cannot be decompressed");
    }
    plain = *unpacked;
  }
  if (plain.size() != header.plain_bytes) {
    return corrupt("has a page of another length than its header tells");
  }
  ChunkFacts::Page fact{
      .plain_bytes = bytes - body.size() + plain.size(), .stored_bytes = bytes, .values = header.values};
  if (header.is_dictionary) {
    fact_of_dictionary_ = std::move(fact);
    return read_dictionary(header, plain);
  }
  if (header.values == 0 || header.values > chunk().values - facts_->values() || !may_have(header.encoding)) {
    return corrupt("has a page with more values than its footer tells, or of another encoding");
  }
  Page page;
  page.group = group_;
  page.column = column_;
  page.first_row = facts_->rows();
  page.rows = header.values;
  if (Result<void> values = read_values(header, plain, page); !values.ok()) {
    return values;
  }
  if (page.rows > chunk().rows - facts_->rows()) {
    return corrupt("has a page with more rows than its footer tells");
  }
  fact.rows = page.rows;
  fact.nulls = static_cast<std::size_t>(std::count(page.present.begin(), page.present.end(), false));
  fact.bounds = bounds_of(page);
  facts_->add(std::move(fact));
  sink(page);
  return {};
}

// Byte arrays behind a dictionary are also PLAIN, once that is full.
bool PageReader::may_have(Encoding encoding) const {
  return encoding == encoding_of(column().type, chunk().dictionary_offset.has_value()) ||
         (column().type == Type::byte_array && encoding == Encoding::plain);
}

std::optional<Bounds> PageReader::bounds_of(const Page& page) const {
  Extent extent(order_of(column()));
  for (const std::int64_t number : page.numbers) {
    extent.add(number);
  }
  for (const double real : page.reals) {
    extent.add(real);
  }
  for (const std::string_view text : page.texts) {
    extent.add(text, text.size());
  }
  return extent.bounds();
}

Result<void> PageReader::read_dictionary(const PageHeader& header, Bytes plain) {
  if (!chunk().dictionary_offset || header.encoding != Encoding::plain || facts_->rows() > 0 ||
      column().type != Type::byte_array || !dictionary_.empty() || header.values > Dictionary::k_words_max) {
    return corrupt("has a dictionary that penstock does not write");
  }
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < header.values; ++i) {
    std::string_view word;
    if (!next_text(plain, at, word)) {
      return corrupt("has a dictionary that is cut");
    }
    dictionary_.emplace_back(word);
  }
  return at == plain.size() ? Result<void>() : corrupt("has a dictionary that is too long");
}

// Fills in `present` and `rows`. Moves `plain` behind the levels.
Result<void> PageReader::read_levels(std::size_t count, Bytes& plain, Page& page) const {
  const auto read = [&](std::uint8_t greatest) -> std::optional<std::vector<std::uint16_t>> {
    std::size_t at = 0;
    std::string_view levels;
    if (!next_text(plain, at, levels)) {
      return std::nullopt;
    }
    plain = plain.subspan(at);
    std::optional<std::vector<std::uint16_t>> runs = read_runs(as_bytes(levels), count, level_bits(greatest));
    const bool fit = runs && std::ranges::all_of(*runs, [greatest](auto level) { return level <= greatest; });
    return fit ? std::move(runs) : std::nullopt;
  };
  const std::uint8_t definition_max = column().definition_max();
  if (const std::uint8_t repetition_max = column().repetition_max(); repetition_max > 0) {
    std::optional<std::vector<std::uint16_t>> levels = read(repetition_max);
    if (!levels || levels->front() != 0) {
      return corrupt("has a page whose repetition levels are damaged");
    }
    page.repetitions = *std::move(levels);
    page.rows = static_cast<std::size_t>(std::ranges::count(page.repetitions, 0));
  }
  page.present.assign(count, true);
  if (definition_max > 0) {
    std::optional<std::vector<std::uint16_t>> levels = read(definition_max);
    if (!levels) {
      return corrupt("has a page whose definition levels are damaged");
    }
    page.definitions = *std::move(levels);
    for (std::size_t i = 0; i < count; ++i) {
      page.present[i] = page.definitions[i] == definition_max;
    }
  }
  return {};
}

Result<void> PageReader::read_values(const PageHeader& header, Bytes plain, Page& page) const {
  if (Result<void> levels = read_levels(header.values, plain, page); !levels.ok()) {
    return levels;
  }
  const auto present = static_cast<std::size_t>(std::count(page.present.begin(), page.present.end(), true));
  bool whole = false;
  switch (header.encoding) {
    case Encoding::plain:
      whole = read_plain(plain, present, page);
      break;
    case Encoding::delta_binary_packed:
      whole = read_numbers(plain, present, page);
      break;
    case Encoding::rle_dictionary:
      whole = read_indexes(plain, present, page);
      break;
    case Encoding::rle:
      break;
  }
  if (!whole) {
    return corrupt("has a page whose values are damaged");
  }
  if (column().meaning == Meaning::text && !std::ranges::all_of(page.texts, is_utf8)) {
    return corrupt("has a text that is not UTF-8");
  }
  return {};
}

bool PageReader::read_plain(Bytes values, std::size_t count, Page& page) const {
  switch (column().type) {
    case Type::boolean:
      for (std::size_t i = 0; i < count && values.size() == (count + 7) / 8; ++i) {
        page.numbers.push_back(static_cast<unsigned>(values[i / 8]) >> (i % 8) & 1U);
      }
      return values.size() == (count + 7) / 8;
    case Type::float32:
    case Type::float64: {
      const bool narrow = column().type == Type::float32;
      const std::size_t bytes = narrow ? sizeof(float) : sizeof(double);
      for (std::size_t i = 0; i < count && values.size() == count * bytes; ++i) {
        const std::uint64_t bits = read_little(values.subspan(i * bytes, bytes));
        page.reals.push_back(narrow ? std::bit_cast<float>(static_cast<std::uint32_t>(bits))
                                    : std::bit_cast<double>(bits));
      }
      return values.size() == count * bytes;
    }
    case Type::fixed: {
      const std::size_t bytes = column().length;
      for (std::size_t i = 0; i < count && values.size() == count * bytes; ++i) {
        page.texts.push_back(as_text(values.subspan(i * bytes, bytes)));
      }
      return values.size() == count * bytes;
    }
    case Type::byte_array:
      return read_texts(values, count, page);
    case Type::int32:
    case Type::int64:
      break;
  }
  return false;
}

bool PageReader::read_texts(Bytes values, std::size_t count, Page& page) const {
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::string_view text;
    if (!next_text(values, at, text)) {
      return false;
    }
    page.texts.push_back(text);
  }
  return at == values.size();
}

bool PageReader::read_numbers(Bytes values, std::size_t count, Page& page) const {
  if (column().type == Type::int64) {
    std::optional<std::vector<std::int64_t>> numbers = read_delta_packed<std::int64_t>(values, count);
    if (!numbers) {
      return false;
    }
    page.numbers = *std::move(numbers);
    return true;
  }
  const std::optional<std::vector<std::int32_t>> numbers = read_delta_packed<std::int32_t>(values, count);
  if (numbers) {
    page.numbers.assign(numbers->begin(), numbers->end());
  }
  return numbers && column().type == Type::int32;
}

bool PageReader::read_indexes(Bytes values, std::size_t count, Page& page) const {
  if (values.empty()) {
    return false;
  }
  const std::optional<std::vector<std::uint16_t>> indexes =
      read_runs(values.subspan(1), count, static_cast<unsigned>(values.front()));
  for (std::size_t i = 0; indexes && i < count; ++i) {
    if ((*indexes)[i] >= dictionary_.size()) {
      return false;
    }
    page.texts.emplace_back(dictionary_[(*indexes)[i]]);
  }
  return indexes.has_value();
}

// The chunk has no more pages. What they were is compared at the end of the file.
void PageReader::end_chunk() {
  seen_[group_].chunks[column_] =
      facts_->finish(chunk().first_byte(), std::exchange(fact_of_dictionary_, std::nullopt));
  dictionary_.clear();
  ++chunk_;
  if (in_pages()) {
    begin_chunk();
  }
}

Result<void> PageReader::end() const {
  if (in_pages() || at_ < k_magic.size()) {
    return corrupt("ends before its last page");
  }
  Buffer expected;
  append_footer(expected, footer_.pages_end, footer_.schema, footer_.codec, seen_, footer_.told);
  return expected == gathered_ ? Result<void>()
                               : corrupt("has a page index or a footer that differs from its pages");
}

}  // namespace penstock::codec::parquet
