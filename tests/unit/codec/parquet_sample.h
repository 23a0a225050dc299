// A small Parquet file with a column of each kind, written as an encoder of records writes one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "codec/parquet_file.h"
#include "codec/parquet_pages.h"
#include "codec/parquet_reader.h"
#include "codec/parquet_waiting.h"

namespace penstock::codec::parquet {

inline constexpr int k_sample_groups = 2;
inline constexpr int k_sample_rows = 7;  // of a row group, in two pages

inline Schema sample_schema() {
  return {{.name = "note", .optional = true},
          {.name = "word", .meaning = Meaning::text},
          {.name = "small", .type = Type::int32},
          {.name = "at", .type = Type::int64, .optional = true, .meaning = Meaning::time_ms},
          {.name = "key", .optional = true}};
}

inline const Metadata k_sample_told{{"told.ranges", "0:0-14"}, {"told.group", "lake"}};

// The pages of a file, in front of its footer, and what the footer tells.
struct SampleFile {
  Codec codec = Codec::none;
  Buffer bytes;
  std::vector<RowGroup> groups;

  Buffer whole() const {
    Buffer file = bytes;
    append_footer(file, file.size(), sample_schema(), codec, groups, k_sample_told);
    return file;
  }
};

// The values of a row of the whole file, as texts; "-" for a null.
inline std::vector<std::string> sample_row(int row) {
  return {row % 3 == 0 ? "-" : std::string(static_cast<std::size_t>(row), 'n'), row % 2 == 0 ? "even" : "odd",
          std::to_string(100 - row), row % 4 == 0 ? "-" : std::to_string(1'764'432'000'000 + 7 * row),
          row % 5 == 0 ? "-" : "key-" + std::string(static_cast<std::size_t>(8 * row), 'k')};
}

inline void add_sample_row(std::vector<WaitingColumn>& columns, int row) {
  const std::vector<std::string> cells = sample_row(row);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i] == "-") {
      columns[i].add_null();
    } else if (i == 1) {
      columns[i].add_word(cells[i] == "odd" ? 1 : 0);
    } else if (i == 2 || i == 3) {
      columns[i].add(static_cast<std::int64_t>(std::stoll(cells[i])));
    } else {
      columns[i].add(cells[i]);
    }
  }
}

inline SampleFile sample_file(Codec codec) {
  SampleFile file{.codec = codec, .bytes = {}, .groups = {}};
  const Bytes magic = as_bytes(k_magic);
  file.bytes.assign(magic.begin(), magic.end());
  PageCompressor compressor(codec);
  std::vector<WaitingColumn> columns;
  for (const Column& column : sample_schema()) {
    WaitingColumn::Options options{.bounded = column.name != "note"};
    if (column.name == "word") {
      options.words = {"even", "odd"};
    }
    columns.emplace_back(column, std::move(options));
  }
  for (int group = 0; group < k_sample_groups; ++group) {
    for (int row = 0; row < k_sample_rows; ++row) {
      add_sample_row(columns, group * k_sample_rows + row);
      for (WaitingColumn& column : columns) {
        if (row == 3) {
          column.end_page(compressor);
        }
      }
    }
    RowGroup& made = file.groups.emplace_back(RowGroup{.rows = k_sample_rows, .chunks = {}});
    for (WaitingColumn& column : columns) {
      Buffer pages;
      made.chunks.push_back(column.finish(file.bytes.size(), compressor, pages));
      file.bytes.insert(file.bytes.end(), pages.begin(), pages.end());
    }
  }
  return file;
}

inline Result<Footer> footer_of(Bytes file) {
  const Result<std::uint64_t> bytes =
      footer_bytes(file.last(std::min(file.size(), k_tail_bytes)), file.size());
  return bytes.ok() ? read_footer(file.last(static_cast<std::size_t>(*bytes)), file.size()) : bytes.error();
}

// What is wrong with the file; empty: nothing is. Its cells go to `cells`, column by column.
inline std::string fault_of(Bytes file, std::size_t piece = 1'000,
                            std::vector<std::vector<std::string>>* cells = nullptr) {
  const Result<Footer> footer = footer_of(file);
  if (!footer.ok()) {
    return footer.error().message;
  }
  PageReader reader(*footer);
  const auto take = [cells](const Page& page) {
    if (cells == nullptr) {
      return;
    }
    cells->resize(std::max(cells->size(), page.column + 1));
    std::size_t next = 0;
    for (const bool present : page.present) {
      std::string& cell = (*cells)[page.column].emplace_back("-");
      if (present) {
        cell = page.texts.empty() ? std::to_string(page.numbers[next]) : std::string(page.texts[next]);
        ++next;
      }
    }
  };
  for (std::size_t at = 0; at < file.size(); at += piece) {
    if (const Result<void> fed = reader.feed(file.subspan(at, std::min(piece, file.size() - at)), take);
        !fed.ok()) {
      return fed.error().message;
    }
  }
  const Result<void> end = reader.end();
  return end.ok() ? std::string() : end.error().message;
}

}  // namespace penstock::codec::parquet
