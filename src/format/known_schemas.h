// What a worker has made of the schemas that ids name, each thing once, whatever number of open files has it.
//
//   SchemaVersion   of one schema: its text, and what is called so    by its id, for all topics
//   FileTable       a table that open files have                      by what it is
//   FittedVersion   a version in such a table, with its shredder      by these two
//
// Open files own versions and tables (file_columns.h). The versions that were used last stay, so that the
// next file need not make them anew. Fitted versions are large, and each can be made again from its text: so
// nobody owns them but KnownSchemas, and it has those that were used last. All that is there but texts is
// counted, once, in bytes(). ParquetShared has that sum in what all open files hold together.
//
// Texts are those that registry::Lookup has, which does not let go of what open files have. They have a bound
// here. A version for which it leaves no room has a fault, and its records are in `_rescued`. So what a
// worker knows never ends a file.
//
// For example, two open files of a topic have the table `id, note`, and rows of the versions V1 and V2. There
// are two versions, one table and two fitted ones. One of the files gets a column from V3. Now there are two
// tables, three versions, and five fitted ones as soon as the files have had rows of them again.
//
// What stands here is of one worker, on its thread.
#pragma once

#include <cstddef>
#include <list>
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
  std::string record = {};  // the column that its fields lie in; empty: they are columns themselves
  // Why it makes no columns, in letters that JSON does not escape. Empty: it makes some.
  std::string fault = {};

  // What the schema makes, anew each time. Of one that makes columns.
  codec::Table written() const;
};

// What a version takes beside its text.
inline constexpr std::size_t k_version_bytes = 512;

struct FittedVersion {
  std::shared_ptr<const SchemaVersion> version;
  std::unique_ptr<codec::Shredder> shredder;
  bool has_home = true;  // false: the table has no column for its record, and nothing tells of which it was
  std::size_t bytes = 0;
  std::list<std::shared_ptr<FittedVersion>>::iterator place = {};  // in KnownSchemas
};

class KnownSchemas {
 public:
  // Of fitted versions, but for the one that was used last.
  static constexpr std::size_t k_fitted_bytes_max = std::size_t{4} << 20;
  // Of versions that were used last, whether a file has them or not.
  static constexpr std::size_t k_kept_max = 256;
  // Of texts, where nobody says otherwise. Beyond it a version makes no columns, but for a file's first.
  static constexpr std::size_t k_text_bytes_max = std::size_t{8} << 20;

  // Of everything that is counted, and of the texts.
  std::size_t bytes() const { return *bytes_; }
  std::size_t text_bytes() const { return *text_bytes_; }
  void bound_texts(std::size_t bytes_max) { text_bytes_max_ = bytes_max; }

  // Counts it until its last owner lets go.
  template <class T>
  std::shared_ptr<T> counted(T made, std::size_t bytes) {
    *bytes_ += bytes;
    return std::shared_ptr<T>(new T(std::move(made)), [sum = bytes_, bytes](T* thing) {
      *sum -= bytes;
      delete thing;
    });
  }

  // That of the id. `by_record`: as TopicColumns has it. `is_first`: the file has none yet, and takes it
  // whatever room there is.
  std::shared_ptr<const SchemaVersion> version(const codec::SchemaId& id,
                                               std::shared_ptr<const codec::RegisteredSchema> schema,
                                               bool by_record, bool is_first);

  // Counts it, and keeps it as the one that was used last until others have taken its room.
  std::shared_ptr<FittedVersion> keep_fitted(FittedVersion made);
  void used(const FittedVersion& fitted) { fitted_.splice(fitted_.end(), fitted_, fitted.place); }

  // In which the worker's rows are made.
  const std::shared_ptr<codec::ShredRoom>& room() const { return room_; }

  // How many were made since the start.
  std::size_t versions_made = 0;
  std::size_t shredders_made = 0;

 private:
  using VersionKey = std::pair<codec::SchemaId, bool>;

  void keep(const std::shared_ptr<const SchemaVersion>& version);
  void drop_unused();

  std::shared_ptr<std::size_t> bytes_ = std::make_shared<std::size_t>(0);
  std::shared_ptr<std::size_t> text_bytes_ = std::make_shared<std::size_t>(0);
  std::size_t text_bytes_max_ = k_text_bytes_max;
  std::map<VersionKey, std::weak_ptr<const SchemaVersion>> versions_;
  std::size_t versions_swept_ = 0;  // how many were there when the ones that are gone were taken out
  std::vector<std::shared_ptr<const SchemaVersion>> kept_;  // the one that was used last at the end
  std::list<std::shared_ptr<FittedVersion>> fitted_;        // likewise
  std::size_t fitted_bytes_ = 0;
  std::shared_ptr<codec::ShredRoom> room_ = std::make_shared<codec::ShredRoom>();
};

class FileTable {
 public:
  explicit FileTable(std::shared_ptr<const codec::Table> table) : table_(std::move(table)) {}

  const codec::Table& table() const { return *table_; }
  // Of a version that makes columns. Nobody keeps what this returns: KnownSchemas does.
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

  bool by_record() const { return by_record_; }
  std::shared_ptr<FileTable> file_table(const std::shared_ptr<const codec::Table>& table,
                                        KnownSchemas& known);

 private:
  std::shared_ptr<TopicTable> table_;
  bool by_record_;
  std::vector<std::weak_ptr<FileTable>> file_tables_;
};

}  // namespace penstock::format
