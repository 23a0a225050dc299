#include "codec/value_schema.h"

#include <utility>

#include <simdjson.h>

#include "codec/avro_table.h"
#include "codec/json_schema_table.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

bool is_avro_record(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view type;
  simdjson::dom::array fields;
  return parser.parse(simdjson::padded_string(text)).get(root) == simdjson::SUCCESS &&
         root["type"].get(type) == simdjson::SUCCESS && (type == "record" || type == "error") &&
         root["fields"].get(fields) == simdjson::SUCCESS;
}

Result<Table> made_optional(Result<Table> table) {
  if (table.ok()) {
    make_optional(table->fields);
  }
  return table;
}

}  // namespace

ValueSchema ValueSchema::read(std::string_view text) {
  Result<AvroSchema> avro = AvroSchema::parse(text);
  Result<Table> of_avro = avro.ok() ? codec::table_of_avro(*avro) : Result<Table>(avro.error());
  Result<Table> of_json = is_avro_record(text) ? made_optional(of_avro) : table_of_json_schema(text);
  return {.written = std::string(text),
          .avro = std::move(avro),
          .table_of_avro = std::move(of_avro),
          .table_of_json = std::move(of_json)};
}

}  // namespace penstock::codec
