#include "codec/avro_schema.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::codec {
namespace {

std::string fault_of(const std::string& schema) {
  const Result<AvroSchema> parsed = AvroSchema::parse(schema);
  return parsed.ok() ? "none" : parsed.error().message;
}

std::string with_type(const std::string& type) {
  return R"({"type":"record","name":"Order","fields":[{"name":"lines","type":{"type":"array","items":)"
         R"({"type":"record","name":"Line","fields":[{"name":"price","type":)" +
         type + "}]}}}]}";
}

AvroType type_of(const std::string& schema) {
  const Result<AvroSchema> parsed = AvroSchema::parse(schema);
  EXPECT_TRUE(parsed.ok()) << schema;
  return parsed.ok() ? parsed->root().type : AvroType::null;
}

TEST(AvroSchema, keeps_the_names_as_they_stand_in_a_row) {
  const Result<AvroSchema> schema = AvroSchema::parse(
      R"({"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"a\"b","type":["null","string"]}]})");
  ASSERT_TRUE(schema.ok());
  const AvroSchema::Node& root = schema->root();
  ASSERT_EQ(root.count, 2U);
  EXPECT_EQ(schema->text_of(schema->part(root, 0)), R"({"id":)");
  EXPECT_EQ(schema->text_of(schema->part(root, 1)), R"(,"a\"b":)");
  EXPECT_EQ(schema->node_of(schema->part(root, 0)).type, AvroType::int64);
  const AvroSchema::Node& note = schema->node_of(schema->part(root, 1));
  EXPECT_EQ(note.type, AvroType::choice);
  EXPECT_EQ(schema->node_of(schema->part(note, 1)).type, AvroType::text);
}

TEST(AvroSchema, knows_a_type_by_its_name_in_the_namespace_around_it) {
  for (const char* type : {R"("Next")", R"("shop.Next")", R"(["null","Next"])"}) {
    EXPECT_EQ(
        fault_of(std::string(
                     R"({"type":"record","name":"Next","namespace":"shop","fields":[{"name":"n","type":)") +
                 type + "}]}"),
        "none")
        << type;
  }
  // A dot in the name says the namespace, whatever stands beside it; an empty one is none.
  EXPECT_EQ(
      fault_of(
          R"({"type":"record","name":"a.b.R","namespace":"c","fields":[)"
          R"({"name":"e","type":{"type":"enum","name":"E","symbols":["x"]}},{"name":"f","type":"a.b.E"}]})"),
      "none");
  EXPECT_EQ(fault_of(R"({"type":"record","name":"a.R","fields":[)"
                     R"({"name":"e","type":{"type":"enum","name":"E","namespace":"","symbols":["x"]}},)"
                     R"({"name":"f","type":"E"}]})"),
            R"(has at the field "f" a type that names "E", which is not defined before)");
}

TEST(AvroSchema, a_type_that_holds_itself_is_one_node) {
  const Result<AvroSchema> schema = AvroSchema::parse(
      R"({"type":"record","name":"List","fields":[{"name":"next","type":["null","List"]}]})");
  ASSERT_TRUE(schema.ok());
  const AvroSchema::Node& next = schema->node_of(schema->part(schema->root(), 0));
  EXPECT_EQ(&schema->node_of(schema->part(next, 1)), &schema->root());
}

TEST(AvroSchema, logical_types_that_fit_their_type) {
  EXPECT_EQ(type_of(R"({"type":"int","logicalType":"date"})"), AvroType::date);
  EXPECT_EQ(type_of(R"({"type":"int","logicalType":"time-millis"})"), AvroType::time_millis);
  EXPECT_EQ(type_of(R"({"type":"long","logicalType":"time-micros"})"), AvroType::time_micros);
  EXPECT_EQ(type_of(R"({"type":"long","logicalType":"timestamp-millis"})"), AvroType::timestamp_millis);
  EXPECT_EQ(type_of(R"({"type":"long","logicalType":"local-timestamp-nanos"})"),
            AvroType::local_timestamp_nanos);
  EXPECT_EQ(type_of(R"({"type":"bytes","logicalType":"decimal","precision":4,"scale":2})"),
            AvroType::decimal);
  EXPECT_EQ(type_of(R"({"type":"fixed","name":"d","size":8,"logicalType":"decimal","precision":18})"),
            AvroType::fixed_decimal);
  EXPECT_EQ(type_of(R"({"type":"fixed","name":"u","size":16,"logicalType":"uuid"})"), AvroType::fixed_uuid);
  EXPECT_EQ(type_of(R"({"type":"fixed","name":"d","size":12,"logicalType":"duration"})"), AvroType::duration);
  EXPECT_EQ(type_of(R"({"type":"string","logicalType":"uuid"})"), AvroType::text);
}

// The specification: such a logical type is to be ignored.
TEST(AvroSchema, passes_over_logical_types_that_do_not_fit) {
  EXPECT_EQ(type_of(R"({"type":"int","logicalType":"timestamp-millis"})"), AvroType::int32);
  EXPECT_EQ(type_of(R"({"type":"long","logicalType":"date"})"), AvroType::int64);
  EXPECT_EQ(type_of(R"({"type":"string","logicalType":"something"})"), AvroType::text);
  EXPECT_EQ(type_of(R"({"type":"bytes","logicalType":"decimal"})"), AvroType::bytes);
  EXPECT_EQ(type_of(R"({"type":"bytes","logicalType":"decimal","precision":2,"scale":3})"), AvroType::bytes);
  EXPECT_EQ(type_of(R"({"type":"bytes","logicalType":"decimal","precision":2,"scale":-1})"), AvroType::bytes);
  EXPECT_EQ(type_of(R"({"type":"string","logicalType":"decimal","precision":2})"), AvroType::text);
  EXPECT_EQ(type_of(R"({"type":"fixed","name":"d","size":8,"logicalType":"decimal","precision":19})"),
            AvroType::fixed);
  EXPECT_EQ(type_of(R"({"type":"fixed","name":"u","size":15,"logicalType":"uuid"})"), AvroType::fixed);
}

TEST(AvroSchema, a_type_may_be_written_as_an_object_in_an_object) {
  EXPECT_EQ(type_of(R"({"type":{"type":"long"}})"), AvroType::int64);
  EXPECT_EQ(type_of(R"({"type":["null","long"]})"), AvroType::choice);
  EXPECT_EQ(type_of(R"("string")"), AvroType::text);
}

TEST(AvroSchema, says_what_is_wrong_and_at_which_field) {
  const std::string at = R"(has at the field "lines"."price" a type that )";
  EXPECT_EQ(fault_of(with_type(R"("decimal")")), at + R"(names "decimal", which is not defined before)");
  EXPECT_EQ(fault_of(with_type("7")), at + R"(is no name, list or object; write for example "string")");
  EXPECT_EQ(fault_of(with_type("{}")), at + R"(has no "type")");
  EXPECT_EQ(fault_of(with_type("[]")), at + "is a union without branches");
  EXPECT_EQ(fault_of(with_type(R"(["null",["int"]])")), at + "is a union within a union");
  EXPECT_EQ(fault_of(with_type(R"({"type":"record","name":"Line","fields":[]})")),
            at + R"(defines "Line" a second time)");
  EXPECT_EQ(fault_of(with_type(R"({"type":"record","name":"R"})")),
            at + R"(is a record without a list of "fields")");
  EXPECT_EQ(fault_of(with_type(R"({"type":"record","name":"R","fields":[7]})")),
            at + R"(is a record, and one of its fields has no "name")");
  EXPECT_EQ(fault_of(with_type(R"({"type":"record","name":"R","fields":[{"name":"a"}]})")),
            at + R"(is a record, and its field "a" has no "type")");
  EXPECT_EQ(
      fault_of(with_type(
          R"({"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]})")),
      at + R"(is a record, and has the field "a" twice)");
  EXPECT_EQ(fault_of(with_type(R"({"type":"enum","name":"E"})")),
            at + R"(is an enum without a list of "symbols")");
  EXPECT_EQ(fault_of(with_type(R"({"type":"enum","name":"E","symbols":["a","a"]})")),
            at + "is an enum with a symbol that is no text, or stands there twice");
  EXPECT_EQ(fault_of(with_type(R"({"type":"fixed","name":"F","size":-1})")),
            at + R"(is fixed, and has no "size" of 0 to 2147483647)");
  EXPECT_EQ(fault_of(with_type(R"({"type":"map"})")),
            at + R"(is an array without "items", or a map without "values")");
  EXPECT_EQ(fault_of(with_type(R"({"type":"enum","symbols":["a"]})")),
            at + R"(is a record, an enum or fixed, and has no "name" of 1 to 1024 bytes)");
  EXPECT_EQ(fault_of(with_type(R"({"type":"bytes","logicalType":"decimal","precision":151})")),
            at + "is a decimal of 151 digits, and at most 150 are written");
}

TEST(AvroSchema, refuses_what_is_no_json_too_deep_or_too_large) {
  const std::string not_json = "is not JSON, or is nested deeper than 256 levels";
  for (const std::string& text : {std::string(), std::string("{"), std::string(R"("int" x)")}) {
    EXPECT_EQ(fault_of(text), not_json) << text;
  }
  std::string deep = R"("int")";
  for (int i = 0; i < 300; ++i) {
    deep = R"({"type":"array","items":)" + deep + "}";
  }
  EXPECT_EQ(fault_of(deep), not_json);
  EXPECT_EQ(fault_of('"' + std::string(AvroSchema::k_text_bytes_max, 'a') + '"'),
            "is larger than 1048576 bytes");
}

}  // namespace
}  // namespace penstock::codec
