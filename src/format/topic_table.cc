#include "format/topic_table.h"

#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "codec/table_growth.h"

namespace penstock::format {

Result<codec::Table> columns_of_version(const codec::RegisteredSchema& schema, std::string_view record,
                                        std::vector<codec::LeftOut>* left_out) {
  return schema.written().size() <= k_schema_text_max
             ? schema.table(record, left_out)
             : invalid_input(concat("has more than ", k_schema_text_max, " bytes"));
}

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

std::uint64_t TopicTable::last_version() const {
  const std::lock_guard lock(mutex_);
  return last_version_;
}

void TopicTable::take_version(std::uint64_t number, const codec::RegisteredSchema* schema, bool by_record) {
  if (schema != nullptr) {
    const std::string record = by_record ? schema->record_name() : std::string();
    if (const Result<codec::Table> written = columns_of_version(*schema, record); written.ok()) {
      grow(*written, record);
    }
  }
  const std::lock_guard lock(mutex_);
  last_version_ = std::max(last_version_, number);
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
