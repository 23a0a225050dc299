#include "codec/avro_table.h"

#include <string>

#include <gtest/gtest.h>

#include "base/concat.h"
#include "codec/parquet_schema.h"
#include "codec/table_rules.h"
#include "codec/table_text.h"

namespace penstock::codec {
namespace {

// The tree, or what is wrong.
std::string avro_tree_of(const std::string& schema) {
  const Result<AvroSchema> parsed = AvroSchema::parse(schema);
  EXPECT_TRUE(parsed.ok()) << schema;
  const Result<Table> table = table_of_avro(*parsed);
  return table.ok() ? tree_text(*table, "") : table.error().message;
}

std::string with_fields(const std::string& fields) {
  return R"({"type":"record","name":"R","fields":[)" + fields + "]}";
}

TEST(AvroTable, each_type_has_its_column) {
  EXPECT_EQ(avro_tree_of(with_fields(
                R"({"name":"a","type":"boolean"},{"name":"b","type":"int"},{"name":"c","type":"long"},
      {"name":"d","type":"float"},{"name":"e","type":"double"},{"name":"f","type":"bytes"},{"name":"g","type":"string"},
      {"name":"h","type":{"type":"enum","name":"E","symbols":["x"]}},{"name":"i","type":{"type":"fixed","name":"F","size":3}},
      {"name":"j","type":{"type":"int","logicalType":"date"}},{"name":"k","type":{"type":"long","logicalType":"timestamp-millis"}},
      {"name":"l","type":{"type":"long","logicalType":"timestamp-micros"}},
      {"name":"m","type":{"type":"long","logicalType":"local-timestamp-millis"}},
      {"name":"n","type":{"type":"long","logicalType":"local-timestamp-micros"}},
      {"name":"o","type":{"type":"long","logicalType":"timestamp-nanos"}},
      {"name":"p","type":{"type":"string","logicalType":"uuid"}},{"name":"q","type":{"type":"int","logicalType":"time-millis"}},
      {"name":"r","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":4}},
      {"name":"s","type":{"type":"bytes","logicalType":"decimal","precision":39,"scale":4}},{"name":"t","type":"null"})")),
            "a  boolean\nb  int32\nc  int64\nd  float32\ne  float64\nf  bytes\ng  text\nh  text\ni  bytes\nj "
            " date\n"
            "k  timestamp_millis\nl  timestamp_micros\nm  local_timestamp_millis\nn  "
            "local_timestamp_micros\no  text\n"
            "p  text\nq  text\nr  decimal(38,4)\ns  text\nt  json\n");
}

TEST(AvroTable, unions_with_null_are_optional_and_others_are_json) {
  EXPECT_EQ(
      avro_tree_of(with_fields(
          R"({"name":"r","type":{"type":"record","name":"S","fields":[{"name":"a","type":["null","int"]},
      {"name":"b","type":["int"]},{"name":"c","type":["int","null","string"]},{"name":"d","type":["int","string"]},
      {"name":"e","type":["null"]}]}})")),
      "r  record\n  a  int32\n  b  int32  required\n  c  json\n  d  json  required\n  e  json\n");
}

TEST(AvroTable, lists_and_maps_have_their_items) {
  EXPECT_EQ(avro_tree_of(with_fields(
                R"({"name":"l","type":{"type":"array","items":["null",{"type":"map","values":"long"}]}})")),
            "l  list\n  element  map\n    key  text  required\n    value  int64  required\n");
}

TEST(AvroTable, what_cannot_be_columns_is_json) {
  EXPECT_EQ(
      avro_tree_of(with_fields(
          R"({"name":"next","type":["null","R"]},{"name":"e","type":{"type":"record","name":"E","fields":[]}})")),
      "next  json\ne  json\n");
  EXPECT_EQ(avro_tree_of(with_fields("")), "value  json\n");
  EXPECT_EQ(avro_tree_of(R"(["null","string"])"), "value  text\n");
  std::string nested = "\"int\"";
  for (std::size_t i = 0; i < k_table_depth_max + 3; ++i) {
    nested = R"({"type":"array","items":)" + nested + "}";
  }
  const std::string tree = avro_tree_of(nested);
  EXPECT_TRUE(tree.ends_with("element  json  required\n")) << tree;
}

TEST(AvroTable, a_record_that_is_used_twice_has_columns_in_both_places) {
  EXPECT_EQ(avro_tree_of(with_fields(
                R"({"name":"a","type":{"type":"record","name":"S","fields":[{"name":"x","type":"int"}]}},
      {"name":"b","type":"S"})")),
            "a  record\n  x  int32  required\nb  record\n  x  int32  required\n");
}

TEST(AvroTable, names_that_cannot_be_columns_are_refused) {
  EXPECT_EQ(avro_tree_of(with_fields(R"({"name":"_Offset","type":"int"})")),
            "has the field \"_Offset\", and penstock writes a column of that name itself; rename the field");
  EXPECT_EQ(
      avro_tree_of(
          with_fields(R"({"name":"r","type":{"type":"array","items":{"type":"record","name":"S","fields":[
      {"name":"a","type":"int"},{"name":"A","type":"int"}]}}})")),
      "has the field \"A\" and another that differs from it only in case, and Spark takes such columns for "
      "one; "
      "rename one of them");
  EXPECT_EQ(
      avro_tree_of(with_fields(
          R"({"name":"r","type":{"type":"record","name":"S","fields":[{"name":"_offset","type":"int"}]}})")),
      "r  record\n  _offset  int32  required\n");
}

TEST(AvroTable, a_schema_has_an_end) {
  std::string fields;
  for (std::size_t i = 0; i < k_table_leaves_max; ++i) {
    fields += (i == 0 ? "" : ",") + (R"({"name":"f)" + std::to_string(i) + R"(","type":"int"})");
  }
  EXPECT_TRUE(avro_tree_of(with_fields(fields)).starts_with("f0  int32\n"));
  EXPECT_EQ(avro_tree_of(with_fields(fields + R"(,{"name":"x","type":"int"})")),
            "makes more than 1000 columns, the most that a file may have; write a schema with fewer fields");
}

TEST(AvroTable, many_columns_may_not_lie_deep) {
  std::string fields;
  for (std::size_t i = 0; i < 900; ++i) {
    fields += (i == 0 ? "" : ",") + (R"({"name":"f)" + std::to_string(i) + R"(","type":["null","int"]})");
  }
  EXPECT_TRUE(avro_tree_of(with_fields(fields)).starts_with("f0  int32\n"));
  for (const char* name : {"A", "B", "C"}) {
    fields = concat(R"({"name":"in","type":["null",{"type":"record","name":")", name, R"(","fields":[)",
                    fields, "]}]}");
  }
  EXPECT_EQ(
      avro_tree_of(with_fields(fields)),
      "makes 900 columns, which is too many as deep as they lie in each other; write a schema with fewer "
      "fields");
}

TEST(AvroTable, the_paths_of_columns_have_an_end) {
  const auto in_records = [](std::size_t leaves, std::size_t letters) {
    std::string fields;
    for (std::size_t i = 0; i < leaves; ++i) {
      fields += (i == 0 ? "" : ",") + (R"({"name":"f)" + std::to_string(100 + i) + R"(","type":"int"})");
    }
    for (int i = 0; i < 15; ++i) {
      const std::string name = std::string(letters, 'n') + std::to_string(10 + i);
      fields = concat(R"({"name":")", name, R"(","type":{"type":"record","name":")", name, R"(","fields":[)",
                      fields, "]}}");
    }
    return with_fields(fields);
  };
  // Each path has 15 names of 4 letters, one of 4, and a byte beside each: 80.
  EXPECT_TRUE(avro_tree_of(in_records(400, 2)).starts_with("nn24  record\n"));
  const std::string fault =
      "has names that take more than 65536 bytes in the paths of its columns; write a schema with shorter "
      "names, or with fewer fields in each other";
  EXPECT_EQ(avro_tree_of(in_records(400, 90)), fault);
}

TEST(AvroTable, its_size_is_that_of_its_columns) {
  const Result<AvroSchema> schema = AvroSchema::parse(with_fields(
      R"({"name":"l","type":{"type":"array","items":{"type":"record","name":"S","fields":[{"name":"a","type":"int"},
      {"name":"m","type":{"type":"map","values":{"type":"array","items":"int"}}}]}}},{"name":"at","type":"long"})"));
  const Table table = table_of_avro(*schema).value();
  TableSize size;
  for (const parquet::Column& column : parquet::columns_of(table)) {
    ++size.leaves;
    size.level_bits +=
        parquet::level_bits(column.definition_max()) + parquet::level_bits(column.repetition_max());
    size.path_bytes += column.name.size() + 1;
    for (const parquet::Group& group : column.groups) {
      size.path_bytes += group.name.size() + 1;
    }
  }
  EXPECT_EQ(size_of(table).leaves, size.leaves);
  EXPECT_EQ(size_of(table).level_bits, size.level_bits);
  EXPECT_EQ(size_of(table).path_bytes, size.path_bytes);
}

TEST(AvroTable, spark_has_a_type_for_each) {
  const Result<AvroSchema> schema = AvroSchema::parse(with_fields(
      R"({"name":"l","type":{"type":"array","items":{"type":"record","name":"S","fields":[{"name":"a`b","type":"int"},
      {"name":"m","type":{"type":"map","values":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}}]}}},
      {"name":"at","type":{"type":"long","logicalType":"local-timestamp-micros"}})"));
  const Result<Table> table = table_of_avro(*schema);
  EXPECT_EQ(spark_columns(&*table),
            "  `l` ARRAY<STRUCT<`a``b`: INT, `m`: MAP<STRING, DECIMAL(9,2)>>>,\n  `at` TIMESTAMP_NTZ,\n"
            "  `_rescued` STRING,\n  `_topic` STRING,\n  `_partition` INT,\n  `_offset` BIGINT,\n"
            "  `_timestamp` TIMESTAMP,\n  `_timestamp_type` STRING,\n  `_key` BINARY,\n  `_headers` STRING");
  EXPECT_TRUE(spark_columns(nullptr, true).starts_with("  `value` STRING,\n  `_topic` STRING,\n"));
  EXPECT_TRUE(spark_columns(nullptr).starts_with("  `value` BINARY,\n  `_topic` STRING,\n"));
}

}  // namespace
}  // namespace penstock::codec
