// The columns of a topic whose values' schemas ids name, as far as this process has seen versions of them:
// what its next file begins with. Thread-safe: all workers of a process have the same.
//
// It grows with each version that comes, in the order in which they come first (codec/table_growth.h), and
// never shrinks. A worker that has taken it keeps what it took: a table is never changed, but replaced.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "codec/table.h"

namespace penstock::format {

class TopicTable {
 public:
  std::shared_ptr<const codec::Table> now() const;
  // The table with all of `written` that it can take. `record`: as that of codec::grown().
  std::shared_ptr<const codec::Table> grow(const codec::Table& written, std::string_view record = {});

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const codec::Table> table_ = std::make_shared<const codec::Table>();
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
