// What a worker has made of the schemas that ids name, each thing once, whatever number of open files has it.
//
//   SchemaVersion   of one schema: the table that it writes           by its id, of one topic
//   FileTable       a table that open files have                      by what it is
//   FittedVersion   a version in such a table, with its shredder      by these two
//
// Open files own them (file_columns.h). What no open file has any more is gone, but for the versions that
// were used last: k_kept_bytes_max of them stay, so that the next file need not make them anew. All that is
// there is counted, once, in bytes(). ParquetShared has that sum in what all open files hold together.
//
// For example, two open files of a topic have the table `id, note`, and rows of the versions V1 and V2. There
// are two versions, one table and two fitted ones. One of the files gets a column from V3. Now there are two
// tables, three versions, and five fitted ones as soon as the files have had rows of them again.
//
// What stands here is of one worker, on its thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codec/registered_schema.h"
#include "codec/schema_id.h"
#include "codec/shred_room.h"
#include "codec/table.h"
#include "format/topic_table.h"

namespace penstock::format {

// What follows from a schema alone, whatever file its records are in.
struct SchemaVersion {
  std::shared_ptr<const codec::RegisteredSchema> schema = {};
  codec::Table written = {};  // what the schema makes
  std::string record = {};    // the column that its fields lie in; empty: they are columns themselves
  // Why it makes no columns, in letters that JSON does not escape. Empty: it makes some.
  std::string fault = {};
  std::size_t bytes = 0;
};

// What a version takes: for each letter of its text four bytes as in registry::Lookup, and four for its
// fields, and so many beside.
inline constexpr std::size_t k_version_bytes_per_letter = 8;
inline constexpr std::size_t k_version_bytes = 512;

struct FittedVersion {
  std::shared_ptr<const SchemaVersion> version;
  std::unique_ptr<codec::Shredder> shredder;
  bool has_home = true;  // false: the table has no column for its record, and nothing tells of which it was
};

class KnownSchemas {
 public:
  // Beyond it a file that has rows takes no version more.
  static constexpr std::size_t k_bytes_max = std::size_t{8} << 20;
  // Of versions that were used last.
  static constexpr std::size_t k_kept_bytes_max = std::size_t{1} << 20;
  static constexpr std::size_t k_kept_max = 256;

  // Of everything that is counted.
  std::size_t bytes() const { return *bytes_; }
  // False: there is no room for more. What no file has is gone then.
  bool has_room();

  // Counts it until its last owner lets go.
  template <class T>
  std::shared_ptr<T> counted(T made, std::size_t bytes) {
    *bytes_ += bytes;
    return std::shared_ptr<T>(new T(std::move(made)), [sum = bytes_, bytes](T* thing) {
      *sum -= bytes;
      delete thing;
    });
  }

  // Keeps it as the one that was used last.
  void keep(const std::shared_ptr<const SchemaVersion>& version);

  // In which the worker's rows are made.
  const std::shared_ptr<codec::ShredRoom>& room() const { return room_; }

  // How many were made since the start.
  std::size_t versions_made = 0;
  std::size_t shredders_made = 0;

 private:
  std::shared_ptr<std::size_t> bytes_ = std::make_shared<std::size_t>(0);
  std::vector<std::shared_ptr<const SchemaVersion>> kept_;  // the one that was used last at the end
  std::size_t kept_bytes_ = 0;
  std::shared_ptr<codec::ShredRoom> room_ = std::make_shared<codec::ShredRoom>();
};

class FileTable {
 public:
  explicit FileTable(std::shared_ptr<const codec::Table> table) : table_(std::move(table)) {}

  const codec::Table& table() const { return *table_; }
  // Of a version that makes columns.
  std::shared_ptr<FittedVersion> fit(const std::shared_ptr<const SchemaVersion>& version,
                                     KnownSchemas& known);

 private:
  std::shared_ptr<const codec::Table> table_;
  std::map<const SchemaVersion*, std::weak_ptr<FittedVersion>> fitted_;
};

// Of one topic.
class TopicColumns {
 public:
  // `by_record`: the fields of a version that is of a record lie in a column that is called as the record is.
  explicit TopicColumns(std::shared_ptr<TopicTable> table, bool by_record = false)
      : table_(std::move(table)), by_record_(by_record) {}

  // What the topic's next file begins with.
  TopicTable& next() { return *table_; }

  std::shared_ptr<const SchemaVersion> version(const codec::SchemaId& id,
                                               std::shared_ptr<const codec::RegisteredSchema> schema,
                                               KnownSchemas& known);
  std::shared_ptr<FileTable> file_table(const std::shared_ptr<const codec::Table>& table,
                                        KnownSchemas& known);

 private:
  std::shared_ptr<TopicTable> table_;
  bool by_record_;
  std::map<codec::SchemaId, std::weak_ptr<const SchemaVersion>> versions_;
  std::vector<std::weak_ptr<FileTable>> file_tables_;
};

}  // namespace penstock::format
