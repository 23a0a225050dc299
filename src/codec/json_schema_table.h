// The table that values of a JSON Schema become: of drafts 4 to 2020-12, as far as columns follow from it.
// Pure.
//
//   properties                      a column with columns in it
//   additionalProperties, where it is a schema, and there are no properties    MAP with keys of text
//   items                           LIST
//   string; with the format date, date-time        text, date, timestamp_micros
//   integer, number, boolean        int64, float64, boolean
//   enum, const                     the type of the values, if they are strings, integers or booleans
//   $ref to a place in the schema   what is there
//   allOf, anyOf, oneOf of one schema, beside null    that schema
//
// Null is passed over in all of them, as every column is optional. Whatever else there is becomes a column of
// JSON: several types, an object without properties, a tuple, a schema that lies in itself, what lies deeper
// than k_table_depth_max. Constraints are for other readers of a schema.
#pragma once

#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "codec/table.h"
#include "codec/table_rules.h"

namespace penstock::codec {

// The error's message is a predicate of the schema. `record`, `left_out`: as for table_of_avro().
Result<Table> table_of_json_schema(std::string_view text, std::string_view record = {},
                                   std::vector<LeftOut>* left_out = nullptr);

}  // namespace penstock::codec
