#include "codec/registered_schema.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "codec/table_growth.h"
#include "codec/table_rules.h"
#include "codec/table_text.h"
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

// The row in the table that files have of the schema, and what is rescued.
std::string row_in_file(const RegisteredSchema& schema, std::string_view value,
                        std::string_view record = {}) {
  const Table written = schema.table(record).value();
  const std::unique_ptr<Shredder> shredder =
      schema.make_shredder(written, std::make_shared<const Table>(grown({}, written, record)), record);
  const Row& row = shredder->shred(as_bytes(value));
  return RowAssembly::json_of(shredder->table(), row) + row.rescued;
}

std::string left_out_of(const RegisteredSchema& schema) {
  std::vector<LeftOut> left_out;
  EXPECT_TRUE(schema.table({}, &left_out).ok());
  std::string told;
  for (const LeftOut& each : left_out) {
    told += each.name + ": " + each.why + "\n";
  }
  return told;
}

TEST(RegisteredSchema, a_field_that_can_be_no_column_is_left_out_alone) {
  const RegisteredSchema avro =
      RegisteredSchema::of_avro(
          R"({"type":"record","name":"R","fields":[{"name":"_Offset","type":"int"},{"name":"id","type":"long"},)"
          R"({"name":"ID","type":["null","int"]},{"name":"by","type":{"type":"record","name":"B","fields":[)"
          R"({"name":"x","type":"int"},{"name":"X","type":"int"}]}},{"name":"note","type":"string"}]})")
          .value();
  EXPECT_EQ(
      left_out_of(avro),
      "_Offset: has the field \"_Offset\", and penstock writes a column of that name itself; rename the "
      "field\n"
      "ID: has the field \"ID\" and another that differs from it only in case, and Spark takes such columns "
      "for one; rename one of them\n"
      "by: has the field \"X\" and another that differs from it only in case, and Spark takes such columns "
      "for one; rename one of them\n");
  EXPECT_EQ(row_in_file(avro, "\x02\x0e\x02\x06\x08\x0a\x04hi"),
            R"({"id":7,"note":"hi"}{"_Offset":1,"ID":3,"by":{"x":4,"X":5},)"
            R"("_reason":"has fields that can be no columns: _Offset, ID, by"})");
  EXPECT_EQ(row_in_file(avro, std::string("\x02\x0e\0\x08\x0a\x04hi", 8)),
            R"({"id":7,"note":"hi"}{"_Offset":1,"by":{"x":4,"X":5},)"
            R"("_reason":"has fields that can be no columns: _Offset, by"})")
      << "null is null without a column";
  EXPECT_EQ(row_in_file(avro, "\x02\x0e\x02\x06\x08\x0a\x04hi", "R"),
            R"({"R":{"_Offset":1,"id":7,"note":"hi"}}{"ID":3,"by":{"x":4,"X":5},)"
            R"("_reason":"has fields that can be no columns: ID, by"})")
      << "within a column of the record's own a name of penstock is one as any other";

  const RegisteredSchema json =
      RegisteredSchema::of_json(
          R"({"properties":{"":{"type":"string"},"id":{"type":"integer"},"_key":{},"Id":{"type":"integer"}}})")
          .value();
  EXPECT_EQ(
      left_out_of(json),
      ": has a field without a name, which no column can be; leave it out\n"
      "_key: has the field \"_key\", and penstock writes a column of that name itself; rename the field\n"
      "Id: has the field \"Id\" and another that differs from it only in case, and Spark takes such columns "
      "for one; rename one of them\n");
  EXPECT_EQ(row_in_file(json, R"({"":"a","id":7,"_key":[1],"Id":8})"),
            R"({"id":7}{"":"a","_key":[1],"Id":8,)"
            R"("_reason":"has fields that their columns cannot take: _key, Id"})");
}

TEST(RegisteredSchema, what_is_too_much_is_left_out_and_what_comes_before_it_and_behind_it_is_not) {
  std::string wide;
  for (std::size_t i = 0; i < k_table_leaves_max; ++i) {
    wide += (i == 0 ? "" : ",") + std::string(R"({"name":"w)") + std::to_string(i) + R"(","type":"int"})";
  }
  const RegisteredSchema nested =
      RegisteredSchema::of_avro(
          R"({"type":"record","name":"R","fields":[{"name":"id","type":"long"},{"name":"wide",)"
          R"("type":{"type":"record","name":"W","fields":[)" +
          wide + R"(]}},{"name":"note","type":"string"}]})")
          .value();
  const std::string too_many =
      "makes more than 1000 columns, the most that a file may have; write a schema with fewer fields\n";
  EXPECT_EQ(left_out_of(nested), "wide: " + too_many);
  EXPECT_EQ(tree_text(grown({}, nested.table().value()), ""), "id  int64\nnote  text\n");

  const RegisteredSchema flat =
      RegisteredSchema::of_avro(R"({"type":"record","name":"R","fields":[)" + wide +
                                R"(,{"name":"more","type":"int"},{"name":"last","type":"int"}]})")
          .value();
  EXPECT_EQ(left_out_of(flat), "more: " + too_many + "last: " + too_many);
  EXPECT_EQ(leaf_count(grown({}, flat.table().value())), k_table_leaves_max);
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
