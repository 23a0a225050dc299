#include "format/known_schemas.h"

#include <algorithm>

#include "base/concat.h"
#include "codec/table_growth.h"
#include "format/schema_source.h"

namespace penstock::format {
namespace {

// Of a step of a shredder, of a column's place in the table, and of a field of a table with its name.
constexpr std::size_t k_step_bytes = 160;
constexpr std::size_t k_place_bytes = 16;
constexpr std::size_t k_field_bytes = sizeof(codec::Field) + 32;

std::size_t field_count(const std::vector<codec::Field>& fields) {
  std::size_t count = fields.size();
  for (const codec::Field& field : fields) {
    count += field_count(field.fields);
  }
  return count;
}

SchemaVersion made_version(const codec::SchemaId& id, std::shared_ptr<const codec::RegisteredSchema> schema,
                           bool by_record) {
  std::string record = by_record ? schema->record_name() : std::string();
  const std::size_t text_bytes = schema->written().size();
  Result<codec::Table> written = columns_of_version(*schema, record);
  if (!written.ok()) {
    return {.fault = schema_fault(concat("schema-unusable: schema ", to_string(id), " makes no columns: it ",
                                         written.error().message)),
            .bytes = k_version_bytes};
  }
  // Types that are named, and used again, make more fields than their text tells.
  const std::size_t bytes =
      k_version_bytes + k_version_bytes_per_letter / 2 * text_bytes +
      std::max(k_version_bytes_per_letter / 2 * text_bytes, field_count(written->fields) * k_field_bytes);
  return {.schema = std::move(schema),
          .written = std::move(written).value(),
          .record = std::move(record),
          .bytes = bytes};
}

// Whether the version is of this very schema. An id never gets another one, but in a registry that was set up
// anew.
bool is_of(const SchemaVersion& version, const codec::RegisteredSchema& schema) {
  return version.schema == nullptr || version.schema.get() == &schema ||
         version.schema->written() == schema.written();
}

bool is_gone(const auto& each) {
  return each.expired();
}

}  // namespace

bool KnownSchemas::has_room() {
  if (*bytes_ > k_bytes_max) {
    kept_.clear();
    kept_bytes_ = 0;
  }
  return *bytes_ <= k_bytes_max;
}

void KnownSchemas::keep(const std::shared_ptr<const SchemaVersion>& version) {
  if (const auto known = std::ranges::find(kept_, version); known != kept_.end()) {
    std::rotate(known, known + 1, kept_.end());
    return;
  }
  kept_.push_back(version);
  kept_bytes_ += version->bytes;
  while (kept_bytes_ > k_kept_bytes_max || kept_.size() > k_kept_max) {
    kept_bytes_ -= kept_.front()->bytes;
    kept_.erase(kept_.begin());
  }
}

std::shared_ptr<FittedVersion> FileTable::fit(const std::shared_ptr<const SchemaVersion>& version,
                                              KnownSchemas& known) {
  std::weak_ptr<FittedVersion>& place = fitted_[version.get()];
  if (std::shared_ptr<FittedVersion> fitted = place.lock()) {
    return fitted;
  }
  ++known.shredders_made;
  FittedVersion made{
      .version = version,
      .shredder = version->schema->make_shredder(version->written, table_, version->record, known.room()),
      .has_home = codec::home_of(*table_, version->record).fields != nullptr};
  const std::size_t bytes =
      field_count(version->written.fields) * k_step_bytes + field_count(table_->fields) * k_place_bytes;
  const std::shared_ptr<FittedVersion> fitted = known.counted(std::move(made), bytes);
  place = fitted;
  std::erase_if(fitted_, [](const auto& each) { return is_gone(each.second); });
  return fitted;
}

std::shared_ptr<const SchemaVersion> TopicColumns::version(
    const codec::SchemaId& id, std::shared_ptr<const codec::RegisteredSchema> schema, KnownSchemas& known) {
  std::weak_ptr<const SchemaVersion>& place = versions_[id];
  std::shared_ptr<const SchemaVersion> version = place.lock();
  if (!version || !is_of(*version, *schema)) {
    ++known.versions_made;
    SchemaVersion made = made_version(id, std::move(schema), by_record_);
    const std::size_t bytes = made.bytes;
    version = known.counted(std::move(made), bytes);
    place = version;
    std::erase_if(versions_, [](const auto& each) { return is_gone(each.second); });
  }
  known.keep(version);
  return version;
}

std::shared_ptr<FileTable> TopicColumns::file_table(const std::shared_ptr<const codec::Table>& table,
                                                    KnownSchemas& known) {
  std::erase_if(file_tables_, [](const auto& each) { return is_gone(each); });
  for (const std::weak_ptr<FileTable>& each : file_tables_) {
    const std::shared_ptr<FileTable> there = each.lock();
    if (there && there->table() == *table) {
      return there;
    }
  }
  std::shared_ptr<FileTable> made =
      known.counted(FileTable(table), k_version_bytes + field_count(table->fields) * k_field_bytes);
  file_tables_.push_back(made);
  return made;
}

}  // namespace penstock::format
