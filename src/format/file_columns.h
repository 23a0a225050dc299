// The columns of a Parquet file whose values have schemas that ids name, and the versions of the schema
// that its rows are of. Pure.
//
//   record ── id ── FileColumns ──► known to the file: the number of the version, which is in its row
//                               └─► not known: admit() makes it a version, and adds the columns that it
//                                   brings, or says that the record needs another file
//
// A file begins with the columns that those of its topic had before it, in the order in which they were
// first seen: TopicTable. Each version that comes anywhere makes that grow. Old versions and new ones that
// come by turns share a file, also those of Avro and of JSON. What a version does not have is null in its
// rows.
//
// A file is ended early for these reasons alone:
//
//   a record in a column, or in a list or map, has got a field     once for each such change of the schema
//   the file cannot take the new columns any more                  its footer would be too large, or it began
//                                                                  without any, and has a row group
//   its versions are too many                                      k_versions_max
//
// For example V1 `id INT64` and V2 `id INT64, note TEXT`. The first record is of V1, and the file has
// `id`. A record of V2 adds `note`. Further ones of both add nothing. The next file begins with both
// columns.
//
// The file itself has only ids, numbers and pointers. What is behind these it shares with the other files of
// its topic (known_schemas.h).
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
#include "format/known_schemas.h"
#include "format/record_format.h"

namespace penstock::format {

class FileColumns {
 public:
  // At 300 bytes each 1.2 MiB, beside what KnownSchemas counts.
  static constexpr std::size_t k_versions_max = 4096;

  // `topic` and `known`: shared by the topic's files, and by all files of the worker.
  FileColumns(std::shared_ptr<TopicColumns> topic, std::shared_ptr<KnownSchemas> known);

  const codec::Table& table() const { return table_->table(); }
  // The number of a version of this file.
  std::optional<std::uint16_t> find(const codec::SchemaId& id);
  const codec::SchemaId& id(std::uint16_t number) const { return versions_[number].id; }
  const SchemaVersion& version(std::uint16_t number) const { return *versions_[number].known; }
  // Into the file's table. Of a version that makes columns. Until the next call.
  codec::Shredder& shredder(std::uint16_t number);
  // Whether its fields can be in columns, as FittedVersion has it. After shredder() of it.
  bool has_home(std::uint16_t number) const { return versions_[number].has_home; }

  // Makes it a version. False: its records need another file. Never of a file that has no rows. `encoder`:
  // that of the file; null: it has none yet.
  bool admit(const codec::SchemaId& id, std::shared_ptr<const codec::RegisteredSchema> schema,
             const Encoder* encoder, bool has_rows);

  // What it takes in memory beside what KnownSchemas counts.
  std::size_t bytes() const;

 private:
  struct Version {
    codec::SchemaId id;
    std::shared_ptr<const SchemaVersion> known;
    std::weak_ptr<FittedVersion> fitted = {};  // made when a row needs it
    bool has_home = true;                      // of the one that was made last
  };

  bool add_columns_of(const SchemaVersion& version, const codec::Table& written,
                      std::shared_ptr<const codec::Table> next, const Encoder* encoder, bool has_rows);

  std::shared_ptr<TopicColumns> topic_;
  std::shared_ptr<KnownSchemas> known_;
  std::shared_ptr<FileTable> table_;
  std::vector<Version> versions_;
  std::map<codec::SchemaId, std::uint16_t> numbers_;
  std::uint16_t last_ = 0;  // that was found
};

// Makes the schema that the record's id names one of the file's (RowContext::columns), if it is known and
// is not. False: the record needs another file.
bool admit_schema(const RowContext& context, const RecordView& record, const Encoder* encoder, bool has_rows);

}  // namespace penstock::format
