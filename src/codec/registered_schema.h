// A schema as a registry has it: of Avro, or a JSON Schema. Which of the two it is, the registry tells. Pure.
//
// It is kept as its text. A schema of Avro is compiled when it is needed, and is gone with its last owner. So
// thousands of schemas take no more than their texts. Of one thread.
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

  // False: it is a JSON Schema, and values are JSON.
  bool is_avro() const { return is_avro_; }

  // Compiled now, unless somebody has it. Null: it is a JSON Schema.
  std::shared_ptr<const AvroSchema> avro() const;

  const std::string& written() const { return text_; }

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

  std::string text_;
  bool is_avro_ = false;
  bool has_references_ = false;
  mutable std::weak_ptr<const AvroSchema> avro_;
};

}  // namespace penstock::codec
