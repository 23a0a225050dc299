#include "format/topic_table.h"

#include <utility>

#include "codec/table_growth.h"

namespace penstock::format {

std::shared_ptr<const codec::Table> TopicTable::now() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

std::shared_ptr<const codec::Table> TopicTable::grow(const codec::Table& written, std::string_view record) {
  const std::lock_guard lock(mutex_);
  if (codec::Table next = codec::grown(*table_, written, record); next != *table_) {
    table_ = std::make_shared<const codec::Table>(std::move(next));
  }
  return table_;
}

std::shared_ptr<TopicTable> TopicTables::of(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<TopicTable>& table = tables_[topic];
  if (!table) {
    table = std::make_shared<TopicTable>();
  }
  return table;
}

}  // namespace penstock::format
