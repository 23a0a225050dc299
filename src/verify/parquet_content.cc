#include "verify/parquet_content.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/concat.h"
#include "format/parquet_encoder.h"
#include "format/parquet_table.h"

namespace penstock::verify {
namespace {

namespace parquet = codec::parquet;

// Where the columns lie that are looked at, counted from the last (format::parquet_schema()).
constexpr std::size_t k_topic = 7;
constexpr std::size_t k_partition = 6;
constexpr std::size_t k_offset = 5;
constexpr std::size_t k_timestamp_type = 3;

Error corrupt(std::string what) {
  return make_error(ErrorKind::corrupt, Action::give_up, std::move(what));
}

bool has_values(const parquet::Schema& schema) {
  return schema == format::parquet_schema(false) || schema == format::parquet_schema(true);
}

// Values are one column, or those of any table, also of one that no schema has given a column yet.
bool is_ours(const parquet::Schema& schema) {
  const parquet::Schema behind_table = format::parquet_table_schema({});
  const bool has_table = schema.size() >= behind_table.size() &&
                         std::equal(behind_table.begin(), behind_table.end(),
                                    schema.end() - static_cast<std::ptrdiff_t>(behind_table.size()));
  return has_table || has_values(schema);
}

}  // namespace

std::optional<std::uint64_t> ParquetContent::wants_end_from(std::uint64_t file_bytes) const {
  if (footer_ || file_bytes < end_bytes_) {
    return std::nullopt;
  }
  return file_bytes - end_bytes_;
}

// First the tail, which says how long the footer is, then all of it.
Result<void> ParquetContent::give_end(Bytes end, std::uint64_t file_bytes) {
  if (end.size() != end_bytes_) {
    return corrupt("the file became shorter while it was read");
  }
  if (end_bytes_ == parquet::k_tail_bytes) {
    const Result<std::uint64_t> bytes = parquet::footer_bytes(end, file_bytes);
    if (!bytes.ok()) {
      return bytes.error();
    }
    if (*bytes > k_footer_bytes_max || *bytes == parquet::k_tail_bytes) {
      return corrupt("the footer of the Parquet file has a length that penstock does not write");
    }
    end_bytes_ = *bytes;
    return {};
  }
  Result<parquet::Footer> footer = parquet::read_footer(end, file_bytes);
  if (!footer.ok()) {
    return std::move(footer).error();
  }
  footer_ = std::move(footer).value();
  if (!is_ours(footer_->schema)) {
    return corrupt("the Parquet file has other columns than penstock writes");
  }
  reader_.emplace(*footer_);
  return {};
}

Result<void> ParquetContent::feed(Bytes stored) {
  if (!reader_) {
    return corrupt("the file is too short for a Parquet file");
  }
  if (Result<void> read = reader_->feed(stored, [this](const parquet::Page& page) { take(page); });
      !read.ok()) {
    return read;
  }
  return fault_.empty() ? Result<void>() : corrupt(fault_);
}

bool ParquetContent::is_shredded() const {
  return footer_ && !has_values(footer_->schema);
}

// What the metadata count is the bytes of values, keys and headers.
void ParquetContent::take(const parquet::Page& page) {
  const std::size_t place = footer_->schema.size() - page.column;
  if (place == k_partition) {
    if (page.first_row == 0) {
      partitions_.clear();
    }
    partitions_.insert(partitions_.end(), page.numbers.begin(), page.numbers.end());
  } else if (place == k_offset) {
    take_offsets(page);
  } else if (place == k_topic) {
    for (const std::string_view text : page.texts) {
      if (text != said_.topic && fault_.empty()) {
        fault_ = concat("the Parquet file has a row of topic ", text);
      }
    }
  } else if (place != k_timestamp_type) {
    for (const std::string_view text : page.texts) {
      plain_bytes_ += text.size();
    }
  }
}

// Each row lies in a range of the metadata, and those of a partition in the order of their offsets.
void ParquetContent::take_offsets(const parquet::Page& page) {
  for (std::size_t i = 0; i < page.numbers.size() && fault_.empty(); ++i) {
    const std::int32_t partition = partitions_[static_cast<std::size_t>(page.first_row) + i];
    const std::int64_t offset = page.numbers[i];
    const std::optional<Range> range = said_.range_of(Partition{partition});
    if (!range || offset < range->first.value || offset >= range->next.value) {
      fault_ = concat("the Parquet file has a row of partition ", partition, ", offset ", offset,
                      ", which its metadata do not tell of");
    }
    const auto [known, is_first] = reached_.try_emplace(partition, offset);
    if (!is_first && known->second >= offset) {
      fault_ = concat("the Parquet file has the offset ", offset, " of partition ", partition, " behind ",
                      known->second);
    }
    known->second = offset;
  }
}

Result<void> ParquetContent::end() const {
  if (!reader_) {
    return corrupt("the file is too short for a Parquet file");
  }
  if (Result<void> whole = reader_->end(); !whole.ok()) {
    return whole;
  }
  const std::string ranges = format::to_text(said_.ranges);
  for (const auto& [key, value] : footer_->told) {
    if (key == "penstock.ranges" && value != ranges) {
      return corrupt(concat("the footer of the Parquet file tells of the ranges ", value,
                            ", and the metadata of ", ranges));
    }
  }
  return {};
}

}  // namespace penstock::verify
