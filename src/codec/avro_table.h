// The table that values of an Avro schema become. Pure.
//
//   record                       a column with columns in it
//   array, map                   LIST, MAP with keys of text
//   union of null and a type     the type, optional
//   any other union              JSON: the value as avro_json.h writes it
//   enum, uuid, time-*, duration, timestamp-nanos, local-timestamp-nanos
//                                text, as avro_json.h writes it, without quotes
//   decimal                      decimal; text where its precision is above 38
//   fixed                        bytes
//   the others                   what they are called
//
// A record without fields, `null`, a type that lies in itself, and what lies deeper than k_table_depth_max
// are JSON. The fields of a root that is a record are the columns. Any other root is one column `value`.
#pragma once

#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "codec/avro_schema.h"
#include "codec/table.h"
#include "codec/table_rules.h"

namespace penstock::codec {

// The error's message is a predicate of the schema. `record`: the fields are to lie in a column of this name.
// They are the fields of the table nevertheless, if that column can be one. `left_out`: what can be no
// column is left out and told there (table_of_what_fits()). Null: it is an error.
Result<Table> table_of_avro(const AvroSchema& schema, std::string_view record = {},
                            std::vector<LeftOut>* left_out = nullptr);

// Of a union of one type and null, or of one type alone, that type. Else the node itself. Shared with who
// reads the values.
struct AvroOptional {
  const AvroSchema::Node* node = nullptr;
  bool optional = false;     // null is one of the branches
  std::uint32_t branch = 0;  // of a choice: that of `node`
};
AvroOptional avro_optional(const AvroSchema& schema, const AvroSchema::Node& node);

}  // namespace penstock::codec
