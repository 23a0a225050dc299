// The schema that a record's value is of: that of its topic, or the one that its id names. Pure, but for what
// a SchemaSource does.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/record_view.h"
#include "base/types.h"
#include "codec/avro_schema.h"
#include "codec/registered_schema.h"
#include "codec/schema_id.h"
#include "format/record_format.h"

namespace penstock::format {

inline constexpr std::string_view k_no_schema_id = "has something that is no id in the place of its schema's";

struct RecordSchema {
  // Null: the value is JSON, or it waits, or there is a fault. Until the next call, and while the context
  // lasts.
  const codec::AvroSchema* avro = nullptr;
  bool is_json = false;
  // The bytes that are of it.
  Bytes bytes = {};
  // Why the value cannot be decoded, in letters that JSON does not escape.
  std::string_view fault = {};
  bool waits() const { return avro == nullptr && !is_json && fault.empty(); }
};

// For records of one topic, one after the other: most have the schema of the one before. The context has
// `avro`, and outlives it.
class SchemaOfRecords {
 public:
  explicit SchemaOfRecords(const RowContext& context) : context_(context) {}

  // Of a record whose value is not null.
  RecordSchema of(const RecordView& record);

 private:
  const RowContext& context_;
  std::optional<codec::SchemaId> id_;                // of `schema_`
  std::shared_ptr<const codec::AvroSchema> schema_;  // null: it is a JSON Schema
};

// Whether the record cannot be framed before its schema is known.
bool awaits_schema(const RowContext& context, const RecordView& record);

// Asks for the schemas of these records at once, so that their topic waits once and not for each: of the
// first k_asked_ahead_max ids that differ.
inline constexpr std::size_t k_asked_ahead_max = 64;
void ask_for_schemas(const RowContext& context, std::span<const RecordView> records);

}  // namespace penstock::format
