#include "format/record_schema.h"

#include <algorithm>
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
    schema_ = std::move(answer.schema);
  }
  return {.avro = schema_->avro(), .is_json = schema_->avro() == nullptr, .bytes = body.bytes};
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

}  // namespace penstock::format
