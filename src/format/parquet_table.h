// A table as the columns of a Parquet file. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "codec/parquet_schema.h"
#include "codec/table.h"
#include "format/shredded_values.h"

namespace penstock::format {

// A row becomes at most so many times as many bytes as it has in the raw slab. One that would become more is
// rescued as a whole. For example, 0 in Avro's decimal takes 2 bytes and becomes up to 16.
inline constexpr std::size_t k_parquet_growth_max = 8;

// The columns of the file: those of the table first, then `_rescued`, then those of the record.
codec::parquet::Schema parquet_table_schema(const codec::Table& table);

// A valid file without records; null: values are one column, which is text or bytes.
std::vector<std::byte> empty_parquet_file(const ShreddedValues* values = nullptr, bool text_values = false);

}  // namespace penstock::format
