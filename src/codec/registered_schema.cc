#include "codec/registered_schema.h"

#include <optional>
#include <utility>

#include "base/concat.h"
#include "codec/avro_shredder.h"
#include "codec/avro_table.h"
#include "codec/json_members.h"
#include "codec/json_schema_table.h"
#include "codec/json_shredder.h"
#include "codec/table_rules.h"

namespace penstock::codec {

Result<RegisteredSchema> RegisteredSchema::of_avro(std::string_view text) {
  Result<AvroSchema> avro = AvroSchema::parse(text);
  if (!avro.ok()) {
    return std::move(avro).error();
  }
  RegisteredSchema made;
  made.text_ = text;
  made.is_avro_ = true;
  return made;
}

Result<RegisteredSchema> RegisteredSchema::of_json(std::string_view text, bool has_references) {
  if (text.size() > AvroSchema::k_text_bytes_max) {
    return invalid_input(concat("is larger than ", AvroSchema::k_text_bytes_max, " bytes"));
  }
  RegisteredSchema made;
  made.text_ = text;
  made.has_references_ = has_references;
  return made;
}

// It was parsed before, so it can be.
std::shared_ptr<const AvroSchema> RegisteredSchema::avro() const {
  std::shared_ptr<const AvroSchema> compiled = avro_.lock();
  if (is_avro_ && !compiled) {
    compiled = std::make_shared<const AvroSchema>(AvroSchema::parse(text_).value());
    avro_ = compiled;
  }
  return compiled;
}

std::string RegisteredSchema::record_name() const {
  if (is_avro_) {
    return avro()->record_name();
  }
  std::optional<JsonMembers> members = json_members(text_);
  return members ? std::move(members->texts["title"]) : std::string();
}

Result<Table> RegisteredSchema::table(std::string_view record, std::vector<LeftOut>* left_out) const {
  if (has_references_) {
    return invalid_input("has references to other schemas, which are not resolved");
  }
  std::vector<LeftOut> told;
  Result<Table> table =
      is_avro_ ? table_of_avro(*avro(), record, &told) : table_of_json_schema(text_, record, &told);
  if (left_out != nullptr) {
    *left_out = std::move(told);
  }
  if (table.ok()) {
    make_optional(table->fields);
  }
  return table;
}

std::unique_ptr<Shredder> RegisteredSchema::make_shredder(const Table& written,
                                                          std::shared_ptr<const Table> table,
                                                          std::string_view record,
                                                          std::shared_ptr<ShredRoom> room) const {
  return is_avro_ ? make_avro_shredder(avro(), written, std::move(table), record, std::move(room))
                  : make_json_shredder(written, std::move(table), record, std::move(room));
}

}  // namespace penstock::codec
