#include "format/file_columns.h"

#include <utility>

#include "base/check.h"
#include "codec/schema_framing.h"
#include "codec/table_growth.h"
#include "format/schema_source.h"
#include "format/shredded_values.h"

namespace penstock::format {

FileColumns::FileColumns(std::shared_ptr<TopicColumns> topic, std::shared_ptr<KnownSchemas> known)
    : topic_(std::move(topic)),
      known_(std::move(known)),
      table_(topic_->file_table(topic_->next().now(), *known_)) {}

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

codec::Shredder& FileColumns::shredder(std::uint16_t number) {
  Version& version = versions_[number];
  std::shared_ptr<FittedVersion> fitted = version.fitted.lock();
  if (fitted) {
    known_->used(*fitted);
  } else {
    fitted = table_->fit(version.known, *known_);
    version.fitted = fitted;
    version.has_home = fitted->has_home;
  }
  return *fitted->shredder;
}

bool FileColumns::admit(const codec::SchemaId& id, std::shared_ptr<const codec::RegisteredSchema> schema,
                        const Encoder* encoder, bool has_rows) {
  Version made{.id = id,
               .known = known_->version(id, std::move(schema), topic_->by_record(), versions_.empty())};
  if (has_rows && versions_.size() >= k_versions_max) {
    return false;
  }
  if (made.known->fault.empty()) {
    const codec::Table written = made.known->written();
    std::shared_ptr<const codec::Table> next = topic_->next().grow(written, made.known->record);
    if (!add_columns_of(*made.known, written, std::move(next), encoder, has_rows)) {
      return false;
    }
  }
  numbers_.emplace(id, static_cast<std::uint16_t>(versions_.size()));
  versions_.push_back(std::move(made));
  return true;
}

// `next`: what the topic's next file begins with.
bool FileColumns::add_columns_of(const SchemaVersion& version, const codec::Table& written,
                                 std::shared_ptr<const codec::Table> next, const Encoder* encoder,
                                 bool has_rows) {
  if (has_rows) {
    codec::Table wider = table();
    if (!codec::add_columns(wider, written, *next, version.record)) {
      return false;
    }
    if (wider == table()) {
      return true;
    }
    if (encoder != nullptr && !encoder->can_have(codec::size_of(wider))) {
      return false;
    }
    if (wider != *next) {
      next = std::make_shared<const codec::Table>(std::move(wider));
    }
  }
  if (*next != table()) {
    table_ = topic_->file_table(next, *known_);
    for (Version& each : versions_) {
      each.fitted.reset();
    }
  }
  return true;
}

std::size_t FileColumns::bytes() const {
  return sizeof(*this) + versions_.size() * (sizeof(Version) + 2 * sizeof(decltype(numbers_)::value_type));
}

bool admit_schema(const RowContext& context, const RecordView& record, const Encoder* encoder,
                  bool has_rows) {
  if (context.columns == nullptr || record.null_value) {
    return true;
  }
  const codec::FramedBody body = codec::framed_body(context.shredded->framing, record);
  if (!body.id || context.columns->find(*body.id)) {
    return true;
  }
  CHECK(context.schemas != nullptr);
  SchemaAnswer answer = context.schemas->find(context.topic, *body.id);
  return answer.state != SchemaAnswer::State::known ||
         context.columns->admit(*body.id, std::move(answer.schema), encoder, has_rows);
}

}  // namespace penstock::format
