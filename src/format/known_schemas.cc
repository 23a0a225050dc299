// How it works
//
// A version is made of a schema once, and shared by all files of the worker that have it. The worker keeps
// those that came last, so that a file which begins finds them. Text is what they count by, as tables and
// shredders are made of it again when they are needed.
//
// A version that is fitted to the table of a file has a shredder, which is large. Of these a few MiB are
// kept, those that were used last. For example 200 topics whose ten versions come by turns: 2,000 texts of 2
// KB are kept, and 4 MiB of shredders. A record of a version whose shredder was let go has one made, which
// takes the place of the one that nobody has used for longest.
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
// Of a schema of Avro that is compiled: nodes, names and its text.
constexpr std::size_t k_compiled_bytes_per_letter = 4;
constexpr std::size_t k_field_bytes = sizeof(codec::Field) + 32;

std::size_t field_count(const std::vector<codec::Field>& fields) {
  std::size_t count = fields.size();
  for (const codec::Field& field : fields) {
    count += field_count(field.fields);
  }
  return count;
}

constexpr std::string_view k_no_room =
    "of no room for more schemas; raise runtime.memory, or lower runtime.workers";

SchemaVersion made_version(const codec::SchemaId& id, std::shared_ptr<const codec::RegisteredSchema> schema,
                           bool by_record, bool has_room) {
  if (!has_room) {
    return {.fault = schema_fault(
                concat("schema-unusable: schema ", to_string(id), " makes no columns, because ", k_no_room))};
  }
  std::string record = by_record ? schema->record_name() : std::string();
  const Result<codec::Table> written = columns_of_version(*schema, record);
  if (!written.ok()) {
    return {.fault = schema_fault(concat("schema-unusable: schema ", to_string(id), " makes no columns: it ",
                                         written.error().message))};
  }
  return {.schema = std::move(schema), .record = std::move(record)};
}

std::size_t text_bytes_of(const SchemaVersion& version) {
  return version.schema ? version.schema->written().size() : 0;
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

// It made one before.
codec::Table SchemaVersion::written() const {
  return schema->table(record).value();
}

std::shared_ptr<const SchemaVersion> KnownSchemas::version(
    const codec::SchemaId& id, std::shared_ptr<const codec::RegisteredSchema> schema, bool by_record,
    bool is_first) {
  std::weak_ptr<const SchemaVersion>& place = versions_[{id, by_record}];
  std::shared_ptr<const SchemaVersion> version = place.lock();
  if (!version || !is_of(*version, *schema)) {
    ++versions_made;
    bool has_room = *text_bytes_ + schema->written().size() <= text_bytes_max_;
    if (!has_room) {  // what was only kept goes
      kept_.clear();
      fitted_.clear();
      fitted_bytes_ = 0;
      has_room = *text_bytes_ + schema->written().size() <= text_bytes_max_;
    }
    auto made =
        std::make_unique<SchemaVersion>(made_version(id, std::move(schema), by_record, has_room || is_first));
    const std::size_t text_bytes = text_bytes_of(*made);
    *bytes_ += k_version_bytes;
    *text_bytes_ += text_bytes;
    version = std::shared_ptr<const SchemaVersion>(
        made.release(), [sum = bytes_, texts = text_bytes_, text_bytes](const SchemaVersion* thing) {
          *sum -= k_version_bytes;
          *texts -= text_bytes;
          delete thing;
        });
    // One that found no room is tried again by the next file.
    if (!has_room && !is_first) {
      return version;
    }
    place = version;
    drop_unused();
  }
  keep(version);
  return version;
}

void KnownSchemas::keep(const std::shared_ptr<const SchemaVersion>& version) {
  if (const auto known = std::ranges::find(kept_, version); known != kept_.end()) {
    std::rotate(known, known + 1, kept_.end());
    return;
  }
  kept_.push_back(version);
  if (kept_.size() > k_kept_max) {
    kept_.erase(kept_.begin());
  }
}

// Only when there are twice as many as were left the last time: else each new version would go through all.
void KnownSchemas::drop_unused() {
  if (versions_.size() > 2 * versions_swept_) {
    std::erase_if(versions_, [](const auto& each) { return is_gone(each.second); });
    versions_swept_ = std::max(versions_.size(), k_kept_max);
  }
}

std::shared_ptr<FittedVersion> KnownSchemas::keep_fitted(FittedVersion made) {
  const std::size_t bytes = made.bytes;
  std::shared_ptr<FittedVersion> fitted = counted(std::move(made), bytes);
  fitted->place = fitted_.insert(fitted_.end(), fitted);
  fitted_bytes_ += bytes;
  while (fitted_bytes_ > k_fitted_bytes_max && fitted_.size() > 1) {
    fitted_bytes_ -= fitted_.front()->bytes;
    fitted_.pop_front();
  }
  return fitted;
}

std::shared_ptr<FittedVersion> FileTable::fit(const std::shared_ptr<const SchemaVersion>& version,
                                              KnownSchemas& known) {
  std::weak_ptr<FittedVersion>& place = fitted_[version.get()];
  if (std::shared_ptr<FittedVersion> fitted = place.lock()) {
    known.used(*fitted);
    return fitted;
  }
  ++known.shredders_made;
  const auto compiled = version->schema->avro();  // once for all that follows
  const codec::Table written = version->written();
  const std::shared_ptr<FittedVersion> fitted = known.keep_fitted(
      {.version = version,
       .shredder = version->schema->make_shredder(written, table_, version->record, known.room()),
       .has_home = codec::home_of(*table_, version->record).fields != nullptr,
       .bytes = field_count(written.fields) * k_step_bytes + field_count(table_->fields) * k_place_bytes +
                (compiled ? k_compiled_bytes_per_letter * version->schema->written().size() : 0)});
  place = fitted;
  std::erase_if(fitted_, [](const auto& each) { return is_gone(each.second); });
  return fitted;
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
