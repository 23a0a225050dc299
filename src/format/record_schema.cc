#include "format/record_schema.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/check.h"
#include "codec/schema_framing.h"
#include "format/file_columns.h"
#include "format/schema_source.h"

namespace penstock::format {

RecordSchema SchemaOfRecords::of(const RecordView& record) {
  const ValueDecoding& values = *context_.decoding;
  const codec::FramedBody body = codec::framed_body(values.framing, record);
  if (!body.fault.empty()) {
    return {.fault = body.fault};
  }
  if (values.schema != nullptr) {
    return {.avro = values.schema.get(), .bytes = body.bytes};
  }
  if (!body.id) {
    return {.fault = k_no_schema_id};
  }
  if (id_ != body.id) {
    CHECK(context_.schemas != nullptr);
    SchemaAnswer answer = context_.schemas->find(context_.topic, *body.id);
    if (answer.state != SchemaAnswer::State::known) {
      return {.fault = answer.fault};
    }
    id_ = body.id;
    schema_ = answer.schema->avro();
  }
  return {.avro = schema_.get(), .is_json = schema_ == nullptr, .bytes = body.bytes};
}

std::string schema_fault(std::string text) {
  text.resize(std::min(text.size(), k_schema_fault_bytes_max));
  std::replace(text.begin(), text.end(), '"', '\'');
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~' || c == '\\'; }, '?');
  return text;
}

bool awaits_schema(const RowContext& context, const RecordView& record) {
  if (context.decoding == nullptr || context.decoding->schema != nullptr || record.null_value) {
    return false;
  }
  if (context.columns != nullptr) {
    const codec::FramedBody body = codec::framed_body(context.decoding->framing, record);
    if (body.id && context.columns->find(*body.id)) {
      return false;
    }
  }
  return SchemaOfRecords(context).of(record).waits();
}

void ask_for_schemas(const RowContext& context, std::span<const RecordView> records) {
  if (context.decoding == nullptr || context.decoding->schema != nullptr) {
    return;
  }
  CHECK(context.schemas != nullptr);
  std::set<codec::SchemaId> asked;
  for (const RecordView& record : records) {
    const codec::FramedBody body =
        record.null_value ? codec::FramedBody{} : codec::framed_body(context.decoding->framing, record);
    if (body.id && body.fault.empty() && asked.insert(*body.id).second) {
      context.schemas->ask_ahead(context.topic, *body.id);
    }
    if (asked.size() >= k_asked_ahead_max) {
      return;
    }
  }
}

}  // namespace penstock::format
