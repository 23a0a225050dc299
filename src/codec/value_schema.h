// What `batch.schema` says, whichever of the two kinds it is: a schema of Avro, or a JSON Schema. Pure.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

#include "codec/avro_schema.h"
#include "codec/table.h"

namespace penstock::codec {

// The text, read in each of the ways that values can ask for. The messages are predicates of the schema.
struct ValueSchema {
  std::string written;
  Result<AvroSchema> avro;
  // Of values in Avro's binary encoding.
  Result<Table> table_of_avro;
  // Of values that are JSON. The schema is of Avro if it is an object with the type record and fields, and
  // else a JSON Schema.
  Result<Table> table_of_json;

  static ValueSchema read(std::string_view text);
};

}  // namespace penstock::codec
