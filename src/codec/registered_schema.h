// A schema as a registry has it: of Avro, or a JSON Schema. Which of the two it is, the registry tells. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "codec/avro_schema.h"
#include "codec/table.h"
#include "codec/table_rules.h"

namespace penstock::codec {

struct ShredRoom;  // shred_room.h

class RegisteredSchema {
 public:
  // Error: as AvroSchema::parse().
  static Result<RegisteredSchema> of_avro(std::string_view text);

  // Values of a JSON Schema can be read without it. So whatever it says is no error here, but of table().
  // `has_references`: to other schemas of the registry. Error: it is larger than
  // AvroSchema::k_text_bytes_max. The message is a predicate of the schema.
  static Result<RegisteredSchema> of_json(std::string_view text, bool has_references = false);

  // Null: it is a JSON Schema, and values are JSON.
  const AvroSchema* avro() const { return avro_.get(); }

  const std::string& written() const { return avro_ ? avro_->written() : json_schema_; }

  // What records of it are called: the name of Avro's record, or the title of the JSON Schema. Empty: they
  // have no name.
  std::string record_name() const;

  // What its values become, everything optional. The error's message is a predicate of the schema. `record`:
  // the fields are to lie in a column of this name. They are the fields of the table nevertheless, if that
  // column can be one. A field that can be no column is marked as left out, and told in `left_out`:
  // nobody can take back a version, and the other fields are good.
  Result<Table> table(std::string_view record = {}, std::vector<LeftOut>* left_out = nullptr) const;

  // Takes its values apart. `written` is what table() makes, and fields find their columns in `table` by
  // name, or in its column `record` (avro_shredder.h, json_shredder.h).
  std::unique_ptr<Shredder> make_shredder(const Table& written, std::shared_ptr<const Table> table,
                                          std::string_view record = {},
                                          std::shared_ptr<ShredRoom> room = nullptr) const;

 private:
  RegisteredSchema() = default;

  std::shared_ptr<const AvroSchema> avro_;
  std::string json_schema_;
  bool has_references_ = false;
};

}  // namespace penstock::codec
