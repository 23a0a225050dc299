#include "format/parquet_row_columns.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "base/check.h"
#include "codec/table_rules.h"

namespace penstock::format {
namespace {

namespace parquet = codec::parquet;

// By their place among these columns.
enum Place : std::size_t { topic, partition, offset, timestamp, timestamp_type, key, headers };

// The first of our own columns is `_rescued`.
std::string name_of(Place place) {
  static_assert(std::size(codec::k_own_columns) == 1 + std::size_t{Place::headers} + 1);
  return std::string(codec::k_own_columns[1 + place].name);
}

constexpr std::size_t k_type_created = 0;
constexpr std::size_t k_type_appended = 1;

}  // namespace

parquet::Schema ParquetRowColumns::schema() {
  using parquet::Meaning;
  using parquet::Type;
  return {
      {.name = name_of(Place::topic), .meaning = Meaning::text},
      {.name = name_of(Place::partition), .type = Type::int32},
      {.name = name_of(Place::offset), .type = Type::int64},
      {.name = name_of(Place::timestamp), .type = Type::int64, .optional = true, .meaning = Meaning::time_ms},
      {.name = name_of(Place::timestamp_type), .optional = true, .meaning = Meaning::text},
      {.name = name_of(Place::key), .optional = true},
      {.name = name_of(Place::headers), .optional = true, .meaning = Meaning::text},
  };
}

ParquetRowColumns::ParquetRowColumns(std::string_view topic_name) {
  const parquet::Schema columns = schema();
  columns_.reserve(columns.size());
  for (std::size_t place = 0; place < columns.size(); ++place) {
    parquet::WaitingColumn::Options options{.bounded = place != Place::headers};
    if (place == Place::topic) {
      options.words = {std::string(topic_name)};
    } else if (place == Place::timestamp_type) {
      options.words = {"CreateTime", "LogAppendTime"};
    }
    options.finds_words = place == Place::key || place == Place::headers;
    columns_.emplace_back(columns[place], std::move(options));
  }
}

// Each column in turn takes its part of them.
void ParquetRowColumns::add(Rows rows) {
  const auto column = [this](Place place) -> parquet::WaitingColumn& { return columns_[place]; };
  const auto add_numbers = [&column](Place place, Rows part, auto number_of) {
    std::array<std::int64_t, k_rows_max> numbers;
    std::transform(part.begin(), part.end(), numbers.begin(),
                   [number_of](const ParquetRow* row) { return number_of(*row); });
    column(place).add(std::span<const std::int64_t>(numbers.data(), part.size()));
  };
  const auto add_texts = [&column](Place place, Rows part, auto text_of) {
    std::array<std::string_view, k_rows_max> texts;
    std::transform(part.begin(), part.end(), texts.begin(),
                   [text_of](const ParquetRow* row) { return text_of(*row); });
    column(place).add(std::span<const std::string_view>(texts.data(), part.size()));
  };
  // `add(part)` takes what is there.
  const auto add_optional = [&column, rows](Place place, auto is_null, auto add) {
    for_each_run(rows, is_null, [&column, place, add](Rows part, bool null) {
      null ? column(place).add_null(part.size()) : add(part);
    });
  };
  column(Place::topic).add_word(0, rows.size());
  add_numbers(Place::partition, rows, [](const ParquetRow& row) { return row.partition; });
  add_numbers(Place::offset, rows, [](const ParquetRow& row) { return row.offset; });
  add_optional(
      Place::timestamp, [](const ParquetRow& row) { return row.timestamp_ms == -1; },
      [&add_numbers](Rows part) {
        add_numbers(Place::timestamp, part, [](const ParquetRow& row) { return row.timestamp_ms; });
      });
  for_each_run(
      rows, [](const ParquetRow& row) { return row.timestamp_type; },
      [&column](Rows part, TimestampType type) {
        parquet::WaitingColumn& types = column(Place::timestamp_type);
        type == TimestampType::unknown
            ? types.add_null(part.size())
            : types.add_word(type == TimestampType::created ? k_type_created : k_type_appended, part.size());
      });
  add_optional(
      Place::key, [](const ParquetRow& row) { return row.null_key; },
      [&add_texts](Rows part) {
        add_texts(Place::key, part, [](const ParquetRow& row) { return row.key(); });
      });
  add_optional(
      Place::headers, [](const ParquetRow& row) { return row.headers_bytes == 0; },
      [&add_texts](Rows part) {
        add_texts(Place::headers, part, [](const ParquetRow& row) { return row.headers(); });
      });
}

void ParquetRowColumns::end_pages(parquet::PageCompressor& compressor) {
  for (parquet::WaitingColumn& column : columns_) {
    if (column.page_is_full()) {
      column.end_page(compressor);
    }
  }
}

std::size_t ParquetRowColumns::bytes() const {
  std::size_t bytes = 0;
  for (const parquet::WaitingColumn& column : columns_) {
    bytes += column.bytes();
  }
  return bytes;
}

void ParquetRowColumns::finish(parquet::PageCompressor& compressor, parquet::RowGroup& group,
                               ParquetPieces& pieces) {
  pages_.resize(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    CHECK(columns_[i].rows() == group.rows);
    group.chunks.push_back(columns_[i].finish(pieces.file_at(), compressor, pages_[i]));
    pieces.put(pages_[i]);
  }
}

}  // namespace penstock::format
