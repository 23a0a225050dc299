// Makes Parquet files of records as a worker does: rows into a raw slab, and units of them to the encoder.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metadata.h"
#include "base/record_view.h"
#include "codec/parquet_reader.h"
#include "format/file_columns.h"
#include "format/parquet_encoder.h"
#include "format/record_format.h"
#include "format/split_row.h"

namespace penstock::format {

// Without key and headers, made in 2025. `value` outlives it.
inline RecordView record_at(std::int64_t offset, const std::optional<std::string>& value) {
  RecordView record{.offset = Offset{offset},
                    .timestamp_ms = 1'764'432'000'000,
                    .key = {},
                    .value = {},
                    .headers = {},
                    .timestamp_type = TimestampType::created};
  if (value) {
    record.value = as_bytes(*value);
    record.null_value = false;
  }
  return record;
}

class ParquetFileMaker {
 public:
  // `output_bytes`: how much room the encoder gets at once.
  // `shredded`: values become columns.
  ParquetFileMaker(codec::Compression compression, ParquetShared& shared, std::size_t slab_bytes = 64 * 1024,
                   std::size_t output_bytes = 1'000, std::shared_ptr<const ShreddedValues> shredded = nullptr)
      : context_{.rows = RowFormat::parquet,
                 .topic = "orders",
                 .compression = compression,
                 .shredded = shredded.get()},
        encoder_(make_file_encoder({.rows = RowFormat::parquet, .compression = compression}, shared,
                                   std::move(shredded))),
        slab_(slab_bytes),
        output_(output_bytes) {
    encoder_->begin_file({.attempt = "9f86d081884c7d65", .begun = false, .topic = "orders"});
  }

  // Whose values' schemas ids name. Only before the first record.
  ParquetFileMaker(codec::Compression compression, ParquetShared& shared, std::size_t slab_bytes,
                   std::shared_ptr<const ShreddedValues> shredded, SchemaSource& schemas)
      : shredded_(shredded),
        columns_(std::make_shared<FileColumns>(shredded->topic, shared.schemas)),
        context_{.rows = RowFormat::parquet,
                 .topic = "orders",
                 .schemas = &schemas,
                 .compression = compression,
                 .shredded = shredded_.get(),
                 .columns = columns_.get()},
        encoder_(make_file_encoder({.rows = RowFormat::parquet, .compression = compression}, shared,
                                   shredded_, columns_)),
        slab_(slab_bytes),
        output_(1'000) {
    encoder_->begin_file({.attempt = "9f86d081884c7d65", .begun = false, .topic = "orders"});
  }

  // False: the record needs another file, or its schema is not known.
  bool add(Partition partition, const RecordView& record) {
    context_.partition = partition;
    const Framed framed = frame(context_, {&record, 1}, MutableBytes(slab_).subspan(used_));
    used_ += framed.bytes;
    rows_ += framed.rows;
    records_ += framed.records;
    if (framed.records == 0) {
      if (framed.waits || !admit_schema(context_, record, encoder_.get(), records_ > 0)) {
        return false;
      }
      add_split(record);
      ++records_;
    }
    return true;
  }

  const Encoder& encoder() const { return *encoder_; }
  std::size_t undecoded() const { return undecoded_; }
  std::size_t conflicts() const { return conflicts_; }
  FileColumns& columns() { return *columns_; }

  std::vector<std::byte> end(const Metadata& told = {}) {
    if (used_ > 0) {
      encoder_->begin_unit(rows_, used_);
    }
    encoder_->tell(told);
    encode(Bytes(slab_).first(used_), Encoder::End::file);
    return std::move(file_);
  }

 private:
  void add_split(const RecordView& record) {
    SplitRow row(context_, record);
    if (used_ + row.bytes_left() > slab_.size()) {
      end_unit();
    }
    if (row.bytes_left() > slab_.size()) {
      encoder_->begin_unit(1, row.bytes_left());
      while (!row.done()) {
        const std::size_t count = row.write(slab_);
        encode(Bytes(slab_).first(count), Encoder::End::more);
      }
      return;
    }
    used_ += row.write(MutableBytes(slab_).subspan(used_));
    rows_ += 1;
  }

  void end_unit() {
    if (used_ > 0) {
      encoder_->begin_unit(rows_, used_);
      encode(Bytes(slab_).first(std::exchange(used_, 0)), Encoder::End::more);
      rows_ = 0;
    }
  }

  void encode(Bytes rows, Encoder::End end) {
    for (bool done = false; !done;) {
      const Encoder::Step step = encoder_->encode(rows, output_, end);
      rows = rows.subspan(step.consumed);
      undecoded_ += step.undecoded;
      conflicts_ += step.conflicts;
      file_.insert(file_.end(), output_.begin(),
                   output_.begin() + static_cast<std::ptrdiff_t>(step.produced));
      done = end == Encoder::End::more ? rows.empty() : step.ended;
    }
  }

  std::shared_ptr<const ShreddedValues> shredded_;
  std::shared_ptr<FileColumns> columns_;
  RowContext context_;
  std::unique_ptr<Encoder> encoder_;
  std::vector<std::byte> slab_;
  std::vector<std::byte> output_;
  std::vector<std::byte> file_;
  std::size_t used_ = 0;
  std::size_t rows_ = 0;
  std::size_t records_ = 0;
  std::size_t undecoded_ = 0;
  std::size_t conflicts_ = 0;
};

// A file as its columns, every cell as text. none: it is null.
struct ParquetTable {
  codec::parquet::Footer footer;
  std::vector<std::vector<std::optional<std::string>>> columns;
  std::size_t pages = 0;
};

// The error's message where the file is damaged.
inline std::pair<ParquetTable, std::string> read_parquet(Bytes file, std::size_t piece = 4'096) {
  namespace parquet = codec::parquet;
  ParquetTable table;
  const Result<std::uint64_t> bytes =
      parquet::footer_bytes(file.last(std::min(file.size(), parquet::k_tail_bytes)), file.size());
  if (!bytes.ok()) {
    return {table, bytes.error().message};
  }
  Result<parquet::Footer> footer =
      parquet::read_footer(file.last(static_cast<std::size_t>(*bytes)), file.size());
  if (!footer.ok()) {
    return {table, footer.error().message};
  }
  table.footer = std::move(footer).value();
  table.columns.resize(table.footer.schema.size());
  parquet::PageReader reader(table.footer);
  const auto take = [&table](const parquet::Page& page) {
    ++table.pages;
    std::size_t next = 0;
    for (const bool present : page.present) {
      auto& cell = table.columns[page.column].emplace_back();
      if (present) {
        cell = page.texts.empty() ? std::to_string(page.numbers[next]) : std::string(page.texts[next]);
        ++next;
      }
    }
  };
  for (std::size_t at = 0; at < file.size(); at += piece) {
    if (const Result<void> fed = reader.feed(file.subspan(at, std::min(piece, file.size() - at)), take);
        !fed.ok()) {
      return {table, fed.error().message};
    }
  }
  const Result<void> end = reader.end();
  return {table, end.ok() ? std::string() : end.error().message};
}

}  // namespace penstock::format
