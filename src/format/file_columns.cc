#include "format/file_columns.h"

#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "codec/avro_framing.h"
#include "codec/table_growth.h"
#include "format/schema_source.h"

namespace penstock::format {
namespace {

constexpr std::size_t k_version_bytes = 512;  // beside its schema
constexpr std::size_t k_bytes_per_letter = 8;

}  // namespace

FileColumns::FileColumns(std::shared_ptr<codec::Table> next, bool by_record)
    : next_(std::move(next)), by_record_(by_record), table_(std::make_shared<const codec::Table>(*next_)) {}

std::optional<std::uint16_t> FileColumns::find(const codec::SchemaId& id) {
  if (last_ < versions_.size() && versions_[last_].id == id) {
    return last_;
  }
  const auto known = numbers_.find(id);
  if (known == numbers_.end()) {
    return std::nullopt;
  }
  last_ = known->second;
  return last_;
}

bool FileColumns::admit(const codec::SchemaId& id, std::shared_ptr<const codec::RegisteredSchema> schema,
                        const Encoder* encoder, bool has_rows) {
  const std::size_t text_bytes = schema->written().size();
  Version made{.id = id, .record = by_record_ ? schema->record_name() : std::string()};
  Result<codec::Table> written = text_bytes <= k_schema_text_max
                                     ? schema->table(made.record)
                                     : invalid_input(concat("has more than ", k_schema_text_max, " bytes"));
  std::size_t bytes = k_version_bytes;
  if (written.ok()) {
    bytes += k_bytes_per_letter * text_bytes;
    made.schema = std::move(schema);
    made.written = std::make_shared<const codec::Table>(std::move(written).value());
    *next_ = codec::grown(*next_, *made.written, made.record);
  } else {
    made.fault = schema_fault(
        concat("schema-unusable: schema ", to_string(id), " makes no columns: it ", written.error().message));
  }
  const bool has_room = versions_.empty() || (versions_.size() < k_versions_max &&
                                              bytes_ - first_bytes_ + bytes <= k_versions_bytes_max);
  if (has_rows && !has_room) {
    return false;
  }
  if (made.schema && !add_columns_of(made, encoder, has_rows)) {
    return false;
  }
  bytes_ += bytes;
  first_bytes_ = versions_.empty() ? bytes : first_bytes_;
  make_values(made);
  numbers_.emplace(id, static_cast<std::uint16_t>(versions_.size()));
  versions_.push_back(std::move(made));
  return true;
}

bool FileColumns::add_columns_of(const Version& made, const Encoder* encoder, bool has_rows) {
  codec::Table wider = *table_;
  if (!has_rows) {
    wider = *next_;
  } else if (!codec::add_columns(wider, *made.written, *next_, made.record) ||
             (encoder != nullptr && wider != *table_ && !encoder->can_have(codec::size_of(wider)))) {
    return false;
  }
  if (wider != *table_) {
    table_ = std::make_shared<const codec::Table>(std::move(wider));
    for (Version& version : versions_) {
      make_values(version);
    }
  }
  return true;
}

void FileColumns::make_values(Version& version) const {
  if (version.schema) {
    auto values = std::make_shared<ShreddedValues>();
    values->make_shredder = [schema = version.schema, written = version.written, table = table_,
                             record = version.record] {
      return schema->make_shredder(*written, *table, record);
    };
    version.values = std::move(values);
  }
}

bool admit_schema(const RowContext& context, const RecordView& record, const Encoder* encoder,
                  bool has_rows) {
  if (context.columns == nullptr || record.null_value) {
    return true;
  }
  const codec::AvroBody body = codec::avro_body(context.shredded->framing, record);
  if (!body.id || context.columns->find(*body.id)) {
    return true;
  }
  CHECK(context.schemas != nullptr);
  SchemaAnswer answer = context.schemas->find(context.topic, *body.id);
  return answer.state != SchemaAnswer::State::known ||
         context.columns->admit(*body.id, std::move(answer.schema), encoder, has_rows);
}

}  // namespace penstock::format
