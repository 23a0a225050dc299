#include "codec/json_schema_table.h"

#include <string>

#include <gtest/gtest.h>

#include "codec/table_rules.h"
#include "codec/table_text.h"
#include "codec/value_schema.h"

namespace penstock::codec {
namespace {

// The tree, or what is wrong.
std::string json_tree_of(const std::string& schema) {
  const Result<Table> table = table_of_json_schema(schema);
  return table.ok() ? tree_text(*table, "") : table.error().message;
}

std::string with_properties(const std::string& properties) {
  return R"({"type":"object","properties":{)" + properties + "}}";
}

TEST(JsonSchemaTable, each_type_has_its_column) {
  EXPECT_EQ(json_tree_of(with_properties(
                R"("a":{"type":"integer"},"b":{"type":"number"},"c":{"type":"boolean"},"d":{"type":"string"},
      "e":{"type":"string","format":"date-time"},"f":{"type":"string","format":"date"},"g":{"type":"string","format":"uuid"},
      "h":{"enum":["x","y",null]},"i":{"const":1},"j":{"enum":[1,"x"]},"k":{"type":"null"},"l":{},"m":true)")),
            "a  int64\nb  float64\nc  boolean\nd  text\ne  timestamp_micros\nf  date\ng  text\nh  text\ni  "
            "int64\nj  json\n"
            "k  json\nl  json\nm  json\n");
}

TEST(JsonSchemaTable, null_beside_one_type_is_passed_over) {
  EXPECT_EQ(
      json_tree_of(R"({"definitions":{"n":{"type":"number"}},"properties":{"a":{"type":["string","null"]},
      "b":{"oneOf":[{"type":"null"},{"type":"integer"}]},"c":{"anyOf":[{"type":"string","format":"date"},{"type":"null"}]},
      "d":{"type":["string","integer"]},"e":{"oneOf":[{"type":"string"},{"type":"integer"}]},
      "f":{"allOf":[{"$ref":"#/definitions/n"}]},"g":{"type":["null","object"],"properties":{"x":{"type":"integer"}}}}})"),
      "a  text\nb  int64\nc  date\nd  json\ne  json\nf  float64\ng  record\n  x  int64\n");
}

TEST(JsonSchemaTable, objects_arrays_and_maps_have_what_is_in_them) {
  EXPECT_EQ(json_tree_of(with_properties(
                R"("a":{"properties":{"x":{"type":"integer"}},"additionalProperties":{"type":"string"}},
      "b":{"type":"array","items":{"type":"object","properties":{"y":{"type":"string"}}}},
      "c":{"type":"object","additionalProperties":{"type":["integer","null"]}},"d":{"type":"object","additionalProperties":true},
      "e":{"type":"object"},"f":{"type":"array"},"g":{"type":"array","items":[{"type":"string"}]},
      "h":{"type":"array","prefixItems":[{}],"items":{"type":"string"}},"i":{"type":"array","items":{}},
      "j":{"type":"object","properties":{}})")),
            "a  record\n  x  int64\nb  list\n  element  record\n    y  text\nc  map\n  key  text  required\n "
            " value  int64\n"
            "d  json\ne  json\nf  json\ng  json\nh  json\ni  list\n  element  json\nj  json\n");
}

TEST(JsonSchemaTable, references_lead_within_the_schema_and_a_circle_is_json) {
  EXPECT_EQ(
      json_tree_of(
          R"({"$ref":"#/$defs/Order<T>","$defs":{"Order<T>":{"properties":{"next":{"$ref":"#/$defs/Order%3CT%3E"},
      "to":{"$ref":"#/$defs/Address"},"from":{"$ref":"#/$defs/Address"},"far":{"$ref":"https://example.org/x"},
      "gone":{"$ref":"#/$defs/none"},"again":{"$ref":"#/$defs/again"}}},"again":{"$ref":"#/$defs/again"},
      "Address":{"properties":{"city":{"type":"string"}}}}})"),
      "next  json\nto  record\n  city  text\nfrom  record\n  city  text\nfar  json\ngone  json\nagain  "
      "json\n");
}

TEST(JsonSchemaTable, what_makes_no_columns_is_told) {
  EXPECT_EQ(json_tree_of("{"), "is not JSON, or is nested deeper than 256 levels");
  EXPECT_EQ(json_tree_of(R"({"type":"string"})"),
            "names no properties at its top, and these are the columns");
  EXPECT_EQ(json_tree_of(with_properties(R"("_key":{"type":"string"})")),
            "has the field \"_key\", and penstock writes a column of that name itself; rename the field");
  EXPECT_EQ(json_tree_of(with_properties(R"("a":{},"b":{"properties":{"":{}}})")),
            "has a field without a name, which no column can be; leave it out");
  // Each level doubles: without an end there would be 2^40 of them.
  std::string doubled = R"({"$ref":"#/$defs/0","$defs":{"40":{"type":"string"})";
  for (int i = 0; i < 40; ++i) {
    const std::string next = R"({"$ref":"#/$defs/)" + std::to_string(i + 1) + "\"}";
    doubled += ",\"" + std::to_string(i) + R"(":{"properties":{"a":)" + next + ",\"b\":" + next + "}}";
  }
  EXPECT_EQ(json_tree_of(doubled + "}}"),
            "makes more than 1000 columns, the most that a file may have; write a schema with fewer fields");
}

TEST(ValueSchema, a_record_with_fields_is_avro_and_else_it_is_a_json_schema) {
  const ValueSchema avro =
      ValueSchema::read(R"({"type":"record","name":"R","fields":[{"name":"r","type":{"type":"record",
      "name":"S","fields":[{"name":"x","type":{"type":"map","values":"int"}}]}}]})");
  EXPECT_EQ(tree_text(*avro.table_of_avro, ""),
            "r  record\n  x  map  required\n    key  text  required\n    value  int32  required\n");
  EXPECT_EQ(tree_text(*avro.table_of_json, ""),
            "r  record\n  x  map\n    key  text  required\n    value  int32\n");
  const ValueSchema json = ValueSchema::read(with_properties(R"("x":{"type":"integer"})"));
  EXPECT_FALSE(json.avro.ok());
  EXPECT_FALSE(json.table_of_avro.ok());
  EXPECT_EQ(tree_text(*json.table_of_json, ""), "x  int64\n");
}

// The name is in the text once, and would be in a thousand columns.
TEST(JsonSchemaTable, a_long_name_that_many_refer_to_is_refused_in_time) {
  std::string properties;
  for (int i = 0; i < 900; ++i) {
    properties += (i == 0 ? "" : ",") + ("\"a" + std::to_string(i)) + R"(":{"$ref":"#/$defs/D"})";
  }
  const std::string text = R"({"properties":{)" + properties + R"(},"$defs":{"D":{"properties":{")" +
                           std::string(80'000, 'x') + R"(":{"type":"string"}}}}})";
  const Result<Table> table = table_of_json_schema(text);
  ASSERT_FALSE(table.ok());
  EXPECT_NE(table.error().message.find("has names that take more than 65536 bytes"), std::string::npos)
      << table.error().message;
}

}  // namespace
}  // namespace penstock::codec
