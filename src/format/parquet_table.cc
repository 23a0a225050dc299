#include "format/parquet_table.h"

#include <string>

#include "codec/table_rules.h"
#include "format/parquet_encoder.h"
#include "format/parquet_row_columns.h"

namespace penstock::format {
namespace {

namespace parquet = codec::parquet;

// The levels of a row without any value fit into what it may become: the row of the value {}, of which 64
// bytes are left for `_rescued` and the record's own columns.
static_assert(codec::k_table_level_bits_max <= 8 * (k_parquet_growth_max * (k_parquet_row_beside + 2) - 64));

}  // namespace

parquet::Schema parquet_table_schema(const codec::Table& table) {
  parquet::Schema schema = parquet::columns_of(table);
  schema.push_back({.name = std::string(codec::k_own_columns[0].name),
                    .optional = true,
                    .meaning = parquet::Meaning::text});
  for (parquet::Column& column : ParquetRowColumns::schema()) {
    schema.push_back(std::move(column));
  }
  return schema;
}

std::vector<std::byte> empty_parquet_file(const ShreddedValues* values, bool text_values) {
  const Bytes magic = as_bytes(parquet::k_magic);
  parquet::Buffer file(magic.begin(), magic.end());
  const parquet::Schema schema =
      values == nullptr ? parquet_schema(text_values) : parquet_table_schema(values->table());
  parquet::append_footer(file, file.size(), schema, parquet::Codec::none, {}, {});
  return file;
}

}  // namespace penstock::format
