// The columns of a Parquet file whose values have schemas that ids name, and the versions of the schema
// that its rows are of. Pure.
//
//   record ── id ── FileColumns ──► known to the file: the number of the version, which is in its row
//                               └─► not known: admit() makes it a version, and adds the columns that it
//                                   brings, or says that the record needs another file
//
// A file begins with the columns that those of its topic had before it, in the order in which they were
// first seen: ShreddedValues::next. Each version that is admitted anywhere makes that grow. Old versions
// and new ones that come by turns share a file, also those of Avro and of JSON. What a version does not have
// is null in its rows.
//
// A file is ended early for these reasons alone:
//
//   a record in a column, or in a list or map, has got a field     once for each such change of the schema
//   the file cannot take the new columns any more                  its footer would be too large, or it began
//                                                                  without any, and has a row group
//   its versions are too many, or too large                        k_versions_max, k_versions_bytes_max
//
// For example V1 `id INT64` and V2 `id INT64, note TEXT`. The first record is of V1, and the file has
// `id`. A record of V2 adds `note`. Further ones of both add nothing. The next file begins with both
// columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/registered_schema.h"
#include "codec/schema_id.h"
#include "codec/table.h"
#include "format/encoder.h"
#include "format/record_format.h"
#include "format/shredded_values.h"

namespace penstock::format {

class FileColumns {
 public:
  static constexpr std::size_t k_versions_max = 256;
  // What the schemas of a file's versions take, but for the first. One counts as eight times its text:
  // four of them as in registry::Lookup, and four for its fields. A text that is longer than
  // k_schema_text_max makes no columns.
  static constexpr std::size_t k_versions_bytes_max = std::size_t{1} << 20;
  static constexpr std::size_t k_schema_text_max = std::size_t{128} << 10;

  // `next`: what the topic's next file begins with, shared by all of its files. `by_record`: the fields of a
  // version that is of a record lie in a column that is called as the record is.
  explicit FileColumns(std::shared_ptr<codec::Table> next, bool by_record = false);

  struct Version {
    codec::SchemaId id;
    std::string record = {};  // the column that its fields lie in; empty: none
    std::shared_ptr<const codec::RegisteredSchema> schema = {};
    std::shared_ptr<const codec::Table> written = {};  // what the schema makes
    // Makes shredders into the file's table. Null: the schema makes no columns.
    std::shared_ptr<const ShreddedValues> values = {};
    std::string fault = {};  // then: why, in letters that JSON does not escape
  };

  const codec::Table& table() const { return *table_; }
  // The number of a version of this file.
  std::optional<std::uint16_t> find(const codec::SchemaId& id);
  const Version& version(std::uint16_t number) const { return versions_[number]; }

  // Makes it a version. False: its records need another file. Never of a file that has no rows. `encoder`:
  // that of the file; null: it has none yet.
  bool admit(const codec::SchemaId& id, std::shared_ptr<const codec::RegisteredSchema> schema,
             const Encoder* encoder, bool has_rows);

  // What it takes in memory.
  std::size_t bytes() const { return bytes_ + table_->fields.size() * sizeof(codec::Field); }

 private:
  bool add_columns_of(const Version& made, const Encoder* encoder, bool has_rows);
  void make_values(Version& version) const;

  std::shared_ptr<codec::Table> next_;
  bool by_record_;
  std::shared_ptr<const codec::Table> table_;
  std::vector<Version> versions_;
  std::map<codec::SchemaId, std::uint16_t> numbers_;
  std::uint16_t last_ = 0;       // that was found
  std::size_t bytes_ = 0;        // of the versions
  std::size_t first_bytes_ = 0;  // of the first of them
};

// Makes the schema that the record's id names one of the file's (RowContext::columns), if it is known and
// is not. False: the record needs another file.
bool admit_schema(const RowContext& context, const RecordView& record, const Encoder* encoder, bool has_rows);

}  // namespace penstock::format
