#include "codec/registered_schema.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "unit/codec/row_assembly.h"

namespace penstock::codec {
namespace {

const std::string k_avro = R"({"type":"record","name":"R","fields":[{"name":"id","type":"long"}]})";
const std::string k_json =
    R"({"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"at":{"properties":{"x":{}}}}})";

std::string row_of(const RegisteredSchema& schema, std::string_view value) {
  const Table written = schema.table().value();
  const std::unique_ptr<Shredder> shredder =
      schema.make_shredder(written, std::make_shared<const Table>(written));
  const Row& row = shredder->shred(as_bytes(value));
  return RowAssembly::json_of(shredder->table(), row) + row.rescued;
}

TEST(RegisteredSchema, values_of_each_kind_are_taken_apart) {
  const RegisteredSchema avro = RegisteredSchema::of_avro(k_avro).value();
  EXPECT_NE(avro.avro(), nullptr);
  EXPECT_EQ(avro.written(), k_avro);
  EXPECT_EQ(row_of(avro, "\x0e"), R"({"id":7})");

  const RegisteredSchema json = RegisteredSchema::of_json(k_json).value();
  EXPECT_EQ(json.avro(), nullptr);
  EXPECT_EQ(json.written(), k_json);
  EXPECT_EQ(row_of(json, R"({"id":7,"at":{"x":[1]},"new":1})"), R"({"id":7,"at":{"x":[1]}}{"new":1})");
}

TEST(RegisteredSchema, all_columns_are_optional) {
  const Table table =
      RegisteredSchema::of_avro(R"({"type":"record","name":"R","fields":[{"name":"by","type":)"
                                R"({"type":"record","name":"B","fields":[{"name":"who",)"
                                R"("type":"string"}]}}]})")
          .value()
          .table()
          .value();
  EXPECT_TRUE(table.fields.front().optional && table.fields.front().fields.front().optional);
}

TEST(RegisteredSchema, a_record_is_called_as_avro_or_the_title_says) {
  const auto json_name = [](const std::string& text) {
    return RegisteredSchema::of_json(text).value().record_name();
  };
  EXPECT_EQ(RegisteredSchema::of_avro(k_avro).value().record_name(), "R");
  EXPECT_EQ(json_name(R"({"title":"Order","properties":{"title":{"title":"no"}}})"), "Order");
  EXPECT_EQ(json_name(k_json), "");
  EXPECT_EQ(json_name(R"({"title":7})"), "");
  EXPECT_EQ(json_name("true"), "");
  const RegisteredSchema own = RegisteredSchema::of_json(R"({"title":"_key","properties":{"a":{}}})").value();
  EXPECT_TRUE(own.table().ok());
  EXPECT_FALSE(own.table(own.record_name()).ok());
}

TEST(RegisteredSchema, what_makes_no_columns_says_why) {
  const auto why = [](const std::string& text, bool has_references = false) {
    const Result<Table> table = RegisteredSchema::of_json(text, has_references).value().table();
    return table.ok() ? "" : table.error().message;
  };
  EXPECT_EQ(why(k_json), "");
  EXPECT_EQ(why(k_json, true), "has references to other schemas, which are not resolved");
  EXPECT_EQ(why("{}"), "names no properties at its top, and these are the columns");
  EXPECT_EQ(why("{"), "is not JSON, or is nested deeper than 256 levels");
  EXPECT_FALSE(RegisteredSchema::of_avro(k_json).ok());
}

}  // namespace
}  // namespace penstock::codec
