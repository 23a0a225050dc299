// The columns of a topic whose values' schemas ids name, as far as this process has seen versions of them:
// what its next file begins with. Thread-safe: all workers of a process have the same.
//
// It grows with each version that comes, in the order in which they come first (codec/table_growth.h), and
// never shrinks. A worker that has taken it keeps what it took: a table is never changed, but replaced.
//
// Which type a column gets follows from that order. So that it does not follow from which record is read
// first, the versions that a registry has of the topic are taken ahead of its records, in the registry's own
// order (registry/subject_versions.h). For example, version 1 has `a INT32` and version 2 `a TEXT`. Every
// process has `a INT32`, also one whose first record is of version 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "codec/registered_schema.h"
#include "codec/table.h"
#include "codec/table_rules.h"

namespace penstock::format {

// A text that is longer makes no columns.
inline constexpr std::size_t k_schema_text_max = std::size_t{128} << 10;

// What such a schema makes of a topic's values: RegisteredSchema::table().
Result<codec::Table> columns_of_version(const codec::RegisteredSchema& schema, std::string_view record,
                                        std::vector<codec::LeftOut>* left_out = nullptr);

class TopicTable {
 public:
  std::shared_ptr<const codec::Table> now() const;
  // The table with all of `written` that it can take. `record`: as that of codec::grown().
  std::shared_ptr<const codec::Table> grow(const codec::Table& written, std::string_view record = {});

  // Of the registry's: the number of the last version that was taken. 0: none was.
  std::uint64_t last_version() const;
  // Null: of this version no columns follow. Whoever takes one has seen that all before it were taken.
  // `by_record`: the fields of each record lie in a column of its own.
  void take_version(std::uint64_t number, const codec::RegisteredSchema* schema, bool by_record);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const codec::Table> table_ = std::make_shared<const codec::Table>();
  std::uint64_t last_version_ = 0;
};

// Those of a process, by the names of topics.
class TopicTables {
 public:
  std::shared_ptr<TopicTable> of(const std::string& topic);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<TopicTable>> tables_;
};

}  // namespace penstock::format
