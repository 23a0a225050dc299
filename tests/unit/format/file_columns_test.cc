#include "format/file_columns.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/parquet_reader.h"
#include "codec/table_rules.h"
#include "format/parquet_table.h"
#include "unit/format/topic_files.h"

namespace penstock::format {
namespace {

namespace parquet = codec::parquet;
using codec::Compression;

class FileColumnsTest : public testing::TestWithParam<Compression>, protected TopicFiles {
 protected:
  FileColumnsTest() : TopicFiles(GetParam()) {}
};

TEST_P(FileColumnsTest, versions_that_come_by_turns_share_a_file_and_a_row_group) {
  knows(1, k_id_field);
  knows(2, k_note_field + "," + k_id_field);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(i % 2 == 0 ? add(1, avro_number(i))
                           : add(2, avro_number(1) + avro_sized("n" + std::to_string(i)) + avro_number(i)));
  }
  const ParquetTable table = end();
  EXPECT_EQ(names_of(table), "id note");
  EXPECT_EQ(table.footer.groups.size(), 1U);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_EQ(row_of(table, static_cast<std::size_t>(i)),
              std::to_string(i) + "|" + (i % 2 == 0 ? "-" : "n" + std::to_string(i)) + "|-");
  }
  EXPECT_EQ(undecoded_, 0U);
  EXPECT_EQ(conflicts_, 0U);
  EXPECT_EQ(schemas_.finds, 4) << "a version of the file is not looked for again";
  // The next file begins with what this one had.
  ASSERT_TRUE(add(1, avro_number(7)));
  EXPECT_EQ(names_of(end()), "id note");
}

TEST_P(FileColumnsTest, versions_of_avro_and_of_json_share_a_file_and_its_columns) {
  knows(1, k_id_field + "," + k_note_field);
  knows_json(2, R"("id":{"type":"integer"},"at":{"type":"string","format":"date"},"note":{"type":"string"})");
  knows_json(3, R"("id":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}})");
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    ASSERT_TRUE(i % 3 == 0   ? add(1, avro_number(i) + avro_number(1) + avro_sized("a" + n))
                : i % 3 == 1 ? add(2, R"({"note":"j)" + n + R"(","id":)" + n + R"(,"at":"1970-01-03"})")
                             : add(3, R"({"id":"i)" + n + R"(","tags":["t"]})"));
  }
  ASSERT_TRUE(add(2, R"({"id":1.5,"new":[1]})"));
  ASSERT_TRUE(add(2, R"({"id":1)"));
  ASSERT_TRUE(add(3, "[7]"));
  const ParquetTable table = end();
  EXPECT_EQ(names_of(table), "id note at tags");
  EXPECT_EQ(table.footer.groups.size(), 1U);
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    const auto cell = [&](std::size_t column) {
      return table.columns[column].at(static_cast<std::size_t>(i)).value_or("-");
    };
    ASSERT_EQ(cell(0), i % 3 == 2 ? "-" : n);
    ASSERT_EQ(cell(1), i % 3 == 2 ? "-" : (i % 3 == 0 ? "a" : "j") + n);
    ASSERT_EQ(cell(2), i % 3 == 1 ? "2" : "-");
  }
  const auto& rescued = table.columns[4];
  EXPECT_EQ(rescued.at(298), std::nullopt);
  EXPECT_EQ(rescued.at(299), R"({"id":"i299","_reason":"has fields that their columns cannot take: id"})");
  EXPECT_EQ(rescued.at(300), R"({"id":1.5,"new":[1]})");
  EXPECT_EQ(rescued.at(301), R"({"_value":"{\"id\":1","_reason":"is not JSON","_schema":"2"})");
  EXPECT_EQ(rescued.at(302), R"({"_value":[7],"_reason":"is no object","_schema":"3"})");
  EXPECT_EQ(undecoded_, 2U);
  EXPECT_EQ(conflicts_, 100U);
}

TEST_P(FileColumnsTest, what_grows_within_a_column_of_json_needs_another_file_once) {
  knows_json(1, R"("order":{"properties":{"qty":{"type":"integer"}}})");
  knows_json(2, R"("order":{"properties":{"by":{"type":"string"},"qty":{"type":"integer"}}})");
  ASSERT_TRUE(add(1, R"({"order":{"qty":5}})"));
  ASSERT_FALSE(add(2, R"({"order":{"qty":5,"by":"me"}})"));
  EXPECT_EQ(row_of(end(), 0), "5|-");
  ASSERT_TRUE(add(1, R"({"order":{"qty":5,"by":"not of version 1"}})"));
  ASSERT_TRUE(add(2, R"({"order":{"qty":6,"by":"me"}})"));
  const ParquetTable table = end();
  EXPECT_EQ(row_of(table, 0), R"(5|-|{"order":{"by":"not of version 1"}})");
  EXPECT_EQ(row_of(table, 1), "6|me|-");
  EXPECT_EQ(conflicts_, 0U);
}

TEST_P(FileColumnsTest, a_json_schema_that_makes_no_columns_is_told_in_the_row) {
  knows_json(1, R"("id":{"type":"integer"})");
  knows_json(2, R"("id":{"$ref":"other.json"})", true);
  schemas_.known[FakeSchemas::number(3)] = FakeSchemas::json(R"({"type":"string"})");
  ASSERT_TRUE(add(1, R"({"id":1})"));
  ASSERT_TRUE(add(2, R"({"id":2})"));
  ASSERT_TRUE(add(3, R"("x")"));
  const ParquetTable table = end();
  EXPECT_EQ(row_of(table, 0), "1|-");
  EXPECT_EQ(row_of(table, 1),
            R"(-|{"_value":"{\"id\":2}","_reason":"schema-unusable: schema 2 makes no columns: it has )"
            R"(references to other schemas, which are not resolved","_schema":"2"})");
  EXPECT_EQ(row_of(table, 2),
            R"(-|{"_value":"\"x\"","_reason":"schema-unusable: schema 3 makes no columns: it names no )"
            R"(properties at its top, and these are the columns","_schema":"3"})");
  EXPECT_EQ(undecoded_, 2U);
}

TEST_P(FileColumnsTest, row_groups_that_are_out_get_chunks_of_nulls_behind_the_last) {
  knows(1, k_id_field);
  knows(2, k_id_field + "," + k_note_field + "," + k_tags_field);
  knows(3, k_id_field + R"(,{"name":"last","type":"int"})");
  shared_.held_bytes = ParquetShared::k_held_bytes_max;  // row groups end early
  const std::string some(600, 's');
  std::size_t rows = 0;
  const auto add_row = [&](std::uint32_t id) {
    std::string value = avro_number(offset_ * offset_ * 7'919);
    if (id == 2) {
      value += avro_number(1) + avro_sized(some + std::to_string(offset_)) + avro_number(2) +
               avro_sized("a") + avro_sized("b") + avro_number(0);
    } else if (id == 3) {
      value += avro_number(0);
    }
    ASSERT_TRUE(add(id, value));
    ++rows;
  };
  const auto add_rows = [&](int count, auto id_of) {
    for (int i = 0; i < count; ++i) {
      add_row(id_of(i));
    }
  };
  add_rows(20'000, [](int) { return 1; });
  add_rows(400, [](int i) { return i % 3 == 0 ? 2 : 1; });
  add_rows(400, [](int i) { return static_cast<std::uint32_t>(1 + i % 3); });
  shared_.held_bytes -= ParquetShared::k_held_bytes_max;
  const ParquetTable table = end();
  EXPECT_EQ(names_of(table), "id note tags last");
  const std::vector<parquet::RowGroup>& groups = table.footer.groups;
  ASSERT_GT(groups.size(), 2U);
  EXPECT_EQ(groups.front().chunks[1].nulls, groups.front().rows);
  EXPECT_GT(groups.front().chunks[1].first_byte(), groups.back().chunks.back().first_byte());
  EXPECT_LT(groups.back().chunks[1].first_byte(), groups.back().chunks.back().first_byte());
  for (const parquet::RowGroup& group : groups) {
    EXPECT_LT(group.chunks[0].first_byte(), groups.back().chunks.back().first_byte());
  }
  ASSERT_EQ(table.footer.rows, rows);
  // Chunks that came late are read last.
  std::size_t notes = 0;
  for (const auto& cell : table.columns[1]) {
    notes += cell ? 1 : 0;
  }
  EXPECT_EQ(notes, 134U + 133U);
  EXPECT_EQ(table.columns[0].at(rows - 1), std::to_string((rows - 1) * (rows - 1) * 7'919));
  EXPECT_EQ(conflicts_, 0U);
}

TEST_P(FileColumnsTest, a_damaged_byte_is_found) {
  knows(1, k_id_field);
  knows(2, k_id_field + "," + k_note_field);
  shared_.held_bytes = ParquetShared::k_held_bytes_max;
  for (int i = 0; i < 13'000; ++i) {
    ASSERT_TRUE(add(1, avro_number(i * 7'919LL * i)));
  }
  ASSERT_TRUE(add(2, avro_number(1) + avro_number(0)));
  shared_.held_bytes -= ParquetShared::k_held_bytes_max;
  const ParquetTable table = end();
  ASSERT_GT(table.footer.groups.size(), 1U);
  const std::uint64_t late = table.footer.groups.front().chunks[1].first_byte();
  ASSERT_GT(late, table.footer.groups.back().chunks.back().first_byte());
  for (auto at = static_cast<std::size_t>(late); at < file_.size(); at += 29) {
    std::vector<std::byte> damaged = file_;
    damaged[at] ^= std::byte{0x10};
    const auto [read, fault] = read_parquet(damaged);
    EXPECT_TRUE(!fault.empty() || read.footer.schema != table.footer.schema) << at;
  }
}

TEST_P(FileColumnsTest, a_field_of_another_type_is_rescued_and_counted) {
  knows(1, k_id_field + R"(,{"name":"total","type":"int"})");
  knows(2, k_id_field + R"(,{"name":"total","type":"string"})");
  knows(3, k_id_field + R"(,{"name":"total","type":"long"})");
  ASSERT_TRUE(add(1, avro_number(1) + avro_number(10)));
  ASSERT_TRUE(add(2, avro_number(2) + avro_sized("ten")));
  ASSERT_TRUE(add(3, avro_number(3) + avro_number(10)));
  ASSERT_TRUE(add(3, avro_number(4) + avro_number(INT64_MAX)));
  const ParquetTable table = end();
  const std::string reason = R"("_reason":"has fields that their columns cannot take: total"})";
  EXPECT_EQ(row_of(table, 0), "1|10|-");
  EXPECT_EQ(row_of(table, 1), R"(2|-|{"total":"ten",)" + reason);
  EXPECT_EQ(row_of(table, 2), "3|10|-");
  EXPECT_EQ(row_of(table, 3), R"(4|-|{"total":9223372036854775807,)" + reason);
  EXPECT_EQ(conflicts_, 2U);
  EXPECT_EQ(undecoded_, 0U);
  // The next file has the wider number.
  ASSERT_TRUE(add(1, avro_number(1) + avro_number(10)));
  ASSERT_TRUE(add(3, avro_number(4) + avro_number(INT64_MAX)));
  ASSERT_TRUE(add(2, avro_number(2) + avro_sized("ten")));
  const ParquetTable next = end();
  EXPECT_EQ(row_of(next, 0), "1|10|-");
  EXPECT_EQ(row_of(next, 1), "4|9223372036854775807|-");
  EXPECT_EQ(conflicts_, 1U);
}

TEST_P(FileColumnsTest, a_rescued_field_that_is_called_as_the_reason_is_the_only_one_of_its_name) {
  knows(1, k_id_field + R"(,{"name":"_reason","type":"int"})");
  knows(2, k_id_field + R"(,{"name":"_reason","type":"string"})");
  ASSERT_TRUE(add(1, avro_number(1) + avro_number(10)));
  ASSERT_TRUE(add(2, avro_number(2) + avro_sized("ten")));
  const ParquetTable table = end();
  EXPECT_EQ(row_of(table, 0), "1|10|-");
  EXPECT_EQ(row_of(table, 1), R"(2|-|{"_reason":"ten"})");
  EXPECT_EQ(conflicts_, 1U);
}

TEST_P(FileColumnsTest, what_grows_within_a_column_needs_another_file_once) {
  const auto order = [](const std::string& fields) {
    return k_id_field + R"(,{"name":"order","type":{"type":"record","name":"O","fields":[)" + fields + "]}}";
  };
  knows(1, order(R"({"name":"qty","type":"int"})"));
  knows(2, order(R"({"name":"by","type":"string"},{"name":"qty","type":"int"})"));
  ASSERT_TRUE(add(1, avro_number(1) + avro_number(5)));
  ASSERT_FALSE(add(2, avro_number(2) + avro_sized("me") + avro_number(6)));
  ASSERT_TRUE(add(1, avro_number(3) + avro_number(7)));
  EXPECT_EQ(row_of(end(), 1), "3|7|-");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(add(1, avro_number(1) + avro_number(5)));
    ASSERT_TRUE(add(2, avro_number(2) + avro_sized("me") + avro_number(6)));
  }
  const ParquetTable table = end();
  EXPECT_EQ(row_of(table, 4), "1|5|-|-");
  EXPECT_EQ(row_of(table, 5), "2|6|me|-");
  EXPECT_EQ(conflicts_, 0U);
}

TEST_P(FileColumnsTest, records_of_several_types_have_a_column_each_in_one_file) {
  forget_columns(true);
  knows_record(1, "shop.Order", k_id_field + "," + k_note_field);
  knows_record(2, "shop.Payment", R"({"name":"id","type":"string"})");
  knows_record(3, "shop.Order", k_id_field + "," + k_note_field + "," + k_tags_field);
  knows_record(4, "other.Order", R"({"name":"note","type":"int"})");
  ASSERT_TRUE(add(1, avro_number(7) + avro_number(1) + avro_sized("hi")));
  ASSERT_TRUE(add(2, avro_sized("p1")));
  ASSERT_TRUE(add(1, avro_number(8) + avro_number(0)));
  ASSERT_TRUE(add(4, avro_number(5)));
  // A field that is new in a record needs another file, once, and another type does not.
  const std::string with_tags = avro_number(9) + avro_number(0) + avro_number(0);
  EXPECT_FALSE(add(3, with_tags));
  const ParquetTable first = end();
  EXPECT_EQ(names_of(first), "Order Order Payment");
  EXPECT_EQ(row_of(first, 0), "7|hi|-|-");
  EXPECT_EQ(row_of(first, 1), "-|-|p1|-");
  EXPECT_EQ(row_of(first, 2), "8|-|-|-");
  EXPECT_EQ(row_of(first, 3),
            R"(-|-|-|{"note":5,"_reason":"has fields that their columns cannot take: note"})");
  EXPECT_EQ(conflicts_, 1U);

  ASSERT_TRUE(add(3, with_tags));
  ASSERT_TRUE(add(2, avro_sized("p2")));
  ASSERT_TRUE(add(1, avro_number(10) + avro_number(0)));
  const ParquetTable second = end();
  EXPECT_EQ(names_of(second), "Order Order Order Payment");
  EXPECT_EQ(second.columns[0].size(), 3U);
}

TEST_P(FileColumnsTest, the_record_of_a_json_schema_is_called_as_its_title) {
  forget_columns(true);
  knows_record(1, "shop.Order", k_id_field);
  knows_titled(2, "Payment", R"("id":{"type":"string"},"by":{"properties":{"who":{"type":"string"}}})");
  knows_titled(3, "Order", R"("id":{"type":"integer"})");
  knows_json(4, R"("alone":{"type":"integer"})");
  knows_titled(5, "order", R"("id":{"type":"integer"})");
  ASSERT_TRUE(add(1, avro_number(7)));
  ASSERT_TRUE(add(2, R"({"id":"p1","by":{"who":"me"},"new":1})"));
  ASSERT_TRUE(add(3, R"({"id":8})"));
  ASSERT_TRUE(add(4, R"({"alone":9})"));
  ASSERT_TRUE(add(2, R"({})"));
  ASSERT_TRUE(add(2, "[]"));
  ASSERT_TRUE(add(5, R"({"id":3})"));
  const ParquetTable table = end();
  EXPECT_EQ(names_of(table), "Order Payment Payment alone");
  EXPECT_EQ(row_of(table, 0), "7|-|-|-|-");
  EXPECT_EQ(row_of(table, 1), R"(-|p1|me|-|{"new":1})");
  EXPECT_EQ(row_of(table, 2), "8|-|-|-|-");
  EXPECT_EQ(row_of(table, 3), "-|-|-|9|-");
  EXPECT_EQ(row_of(table, 4), "-|-|-|-|-");
  EXPECT_EQ(row_of(table, 5), R"(-|-|-|-|{"_value":[],"_reason":"is no object","_schema":"2"})");
  EXPECT_EQ(row_of(table, 6),
            R"(-|-|-|-|{"id":3,"_reason":"has fields that their columns cannot take: id","_schema":"5"})");
  EXPECT_EQ(conflicts_, 1U);
  EXPECT_EQ(undecoded_, 1U);
}

TEST_P(FileColumnsTest, a_record_that_is_called_as_a_column_of_penstock_makes_no_column) {
  forget_columns(true);
  knows_record(1, "_topic", k_id_field);
  ASSERT_TRUE(add(1, avro_number(7)));
  const ParquetTable table = end();
  EXPECT_NE(table.columns[0].at(0).value_or("").find("penstock writes a column of that name itself"),
            std::string::npos);
  EXPECT_EQ(undecoded_, 1U);
}

TEST_P(FileColumnsTest, what_has_no_column_for_its_record_tells_its_schema) {
  forget_columns(true);
  knows_record(1, "Order", k_note_field);
  knows_record(2, "order", k_note_field);
  knows_record(3, "order", many_fields(0, 1));
  ASSERT_TRUE(add(1, avro_number(0)));
  ASSERT_TRUE(add(2, avro_number(1) + avro_sized("x")));
  ASSERT_TRUE(add(2, avro_number(0)));
  ASSERT_TRUE(add(3, avro_number(7) + avro_number(0)));
  const ParquetTable table = end();
  EXPECT_EQ(names_of(table), "Order");
  EXPECT_EQ(row_of(table, 0), "-|-");
  EXPECT_EQ(row_of(table, 1),
            R"(-|{"note":"x","_reason":"has fields that their columns cannot take: note","_schema":"2"})");
  EXPECT_EQ(row_of(table, 2), R"(-|{"_reason":"has no column for its record","_schema":"2"})");
  EXPECT_EQ(row_of(table, 3),
            R"(-|{"id":7,"_reason":"has fields that their columns cannot take: id","_schema":"3"})");
}

TEST_P(FileColumnsTest, many_types_of_records_with_long_schemas_share_a_file) {
  forget_columns(true);
  constexpr std::uint32_t k_types = 30;
  const std::string doc = R"({"name":"id","type":"long","doc":")" + std::string(12'000, 'x') + "\"}";
  for (std::uint32_t type = 0; type < k_types; ++type) {
    knows_record(type, "Type" + std::to_string(type), doc);
  }
  for (std::uint32_t i = 0; i < 4 * k_types; ++i) {
    ASSERT_TRUE(add(i % k_types, avro_number(i)));
  }
  EXPECT_EQ(end().footer.rows, 4 * k_types);
}

TEST_P(FileColumnsTest, a_field_within_a_record_may_be_called_as_a_column_of_penstock) {
  forget_columns(true);
  knows_record(1, "Order", R"({"name":"_key","type":"long"})");
  ASSERT_TRUE(add(1, avro_number(7)));
  EXPECT_EQ(row_of(end(), 0), "7|-");
  EXPECT_EQ(undecoded_, 0U);
}

TEST_P(FileColumnsTest, what_has_no_schema_is_rescued_with_what_is_known_of_it) {
  knows(1, k_id_field);
  knows(2, R"({"name":"_offset","type":"long"})");
  schemas_.faults[FakeSchemas::number(9)] = "schema-unknown: the registry has no schema 9";
  ASSERT_TRUE(add(std::nullopt));
  ASSERT_TRUE(add(9, "xx"));
  ASSERT_TRUE(add("{}"));
  ASSERT_TRUE(add(2, avro_number(2)));
  ASSERT_TRUE(add(1, avro_number(4) + "left"));
  ASSERT_TRUE(add(1, avro_number(5)));
  EXPECT_FALSE(add(77, avro_number(5))) << "it is waited for";
  ASSERT_TRUE(add(9, std::string(200'000, 'x')));
  const ParquetTable table = end();
  EXPECT_EQ(names_of(table), "id");
  EXPECT_EQ(row_of(table, 0), R"(-|{"_value":null})");
  EXPECT_EQ(
      row_of(table, 1),
      R"(-|{"_value":"\u0000\u0000\u0000\u0000\u0009xx","_reason":"schema-unknown: the registry has no schema 9"})");
  EXPECT_EQ(
      row_of(table, 2),
      R"(-|{"_value":"{}","_reason":"does not begin with an id of Confluent's registry, and no header has )"
      R"(one"})");
  EXPECT_EQ(
      row_of(table, 3),
      R"(-|{"_value":"\u0004","_reason":"schema-unusable: schema 2 makes no columns: it has the field '_offset', )"
      R"(and penstock writes a column of that name itself; rename the field","_schema":"2"})");
  EXPECT_EQ(
      row_of(table, 4),
      R"(-|{"_value_base64":"CGxlZnQ=","_reason":"has bytes behind the end of its schema","_schema":"1"})");
  EXPECT_EQ(row_of(table, 5), "5|-");
  EXPECT_EQ(table.columns[1].at(6).value_or("").size(), 200'000U + 100);
  EXPECT_EQ(undecoded_, 5U);
}

TEST_P(FileColumnsTest, a_file_that_began_without_columns_gets_them_only_before_its_first_row_group) {
  knows(1, k_id_field);
  ASSERT_TRUE(add(std::nullopt));
  ASSERT_TRUE(add(1, avro_number(5)));
  EXPECT_EQ(row_of(end(), 1), "5|-");

  forget_columns();
  shared_.held_bytes = ParquetShared::k_held_bytes_max;
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(add("no id " + std::to_string(i * i)));
  }
  EXPECT_FALSE(add(1, avro_number(5))) << "the first column would lie behind all others";
  shared_.held_bytes -= ParquetShared::k_held_bytes_max;
  const ParquetTable table = end();
  EXPECT_EQ(names_of(table), "");
  EXPECT_GT(table.footer.groups.size(), 1U);
  ASSERT_TRUE(add(1, avro_number(5)));
  EXPECT_EQ(row_of(end(), 0), "5|-");
}

TEST_P(FileColumnsTest, a_file_has_so_many_versions) {
  for (std::uint32_t id = 0; id <= FileColumns::k_versions_max; ++id) {
    knows(id, k_id_field);
    ASSERT_EQ(add(id, avro_number(id)), id < FileColumns::k_versions_max) << id;
  }
  EXPECT_EQ(end().footer.rows, FileColumns::k_versions_max);

  ASSERT_TRUE(add(FileColumns::k_versions_max, avro_number(2)));
  knows(1003, R"({"name":"id","type":"long","doc":")" + std::string(k_schema_text_max, 'd') + "\"}");
  ASSERT_TRUE(add(1003, avro_number(2)));
  EXPECT_EQ(
      row_of(end(), 1),
      R"(-|{"_value":"\u0004","_reason":"schema-unusable: schema 1003 makes no columns: it has more than )"
      R"(131072 bytes","_schema":"1003"})");
}

TEST_P(FileColumnsTest, columns_beyond_those_of_a_table_are_rescued) {
  knows(1, many_fields(0, 990));
  knows(2, many_fields(990, 10));
  const std::string nulls(989, '\0');
  ASSERT_TRUE(add(1, avro_number(1) + nulls + avro_number(1) + avro_number(11)));
  ASSERT_TRUE(add(2, avro_number(2) + std::string(8, '\0') + avro_number(1) + avro_number(12) +
                         avro_number(1) + avro_number(13)));
  const ParquetTable table = end();
  EXPECT_EQ(table.footer.schema.size(), codec::k_table_leaves_max + 8);
  EXPECT_EQ(table.columns[codec::k_table_leaves_max].at(1),
            R"({"c999":13,"_reason":"table-full: has fields for which there are no more columns: c999"})");
  EXPECT_EQ(table.columns[codec::k_table_leaves_max - 1].at(1), "12");
  EXPECT_EQ(conflicts_, 1U);
}

TEST_P(FileColumnsTest, what_other_versions_brought_into_a_list_does_not_make_a_row_too_large) {
  knows(1, k_id_field + "," + lines_field(1));
  knows(2, k_id_field + "," + lines_field(40));
  ASSERT_TRUE(add(2, avro_number(0) + lines_value(0)));
  ASSERT_TRUE(add(1, avro_number(7) + lines_value(60)));
  const ParquetTable table = end();
  EXPECT_EQ(undecoded_, 0U);
  EXPECT_EQ(conflicts_, 0U);
  EXPECT_EQ(table.columns[0].at(1), "7");
  ASSERT_EQ(table.columns[1].size(), 61U);
  EXPECT_EQ(table.columns[1].at(60), "59");
  EXPECT_EQ(table.columns[2].size(), 61U);
  EXPECT_EQ(table.columns[41].at(1), std::nullopt);
}

// The items of a version are a byte, and those of the table some hundred columns.
TEST_P(FileColumnsTest, a_list_whose_items_other_versions_made_very_wide_is_rescued_and_not_its_row) {
  knows(1, k_id_field + "," + lines_field(1));
  knows(2, k_id_field + "," + lines_field(500));
  ASSERT_TRUE(add(2, avro_number(0) + lines_value(0)));
  ASSERT_TRUE(add(1, avro_number(7) + lines_value(20)));
  ASSERT_TRUE(add(1, avro_number(8) + lines_value(600)));  // more cells than a row may have
  ASSERT_TRUE(add(1, avro_number(9) + lines_value(1)));
  const ParquetTable table = end();
  EXPECT_EQ(undecoded_, 0U);
  EXPECT_EQ(conflicts_, 2U);
  EXPECT_EQ(table.columns[0].at(1), "7");
  EXPECT_EQ(table.columns[0].at(2), "8");
  const auto& rescued = table.columns[501];
  std::string lines = R"({"n":0})";
  for (int i = 1; i < 20; ++i) {
    lines += R"(,{"n":)" + std::to_string(i) + "}";
  }
  EXPECT_EQ(rescued.at(1), R"({"lines":[)" + lines +
                               R"(],"_reason":"has fields that would become too large in columns: lines"})");
  EXPECT_EQ(rescued.at(3), std::nullopt);
  EXPECT_EQ(table.columns[1].at(3), "0");
}

TEST_P(FileColumnsTest, such_a_list_is_rescued_as_bytes_where_its_json_would_be_too_large_as_well) {
  const std::string name(100, 'n');
  std::string narrow = lines_field(1);
  std::string wide = lines_field(500);
  for (std::string* const fields : {&narrow, &wide}) {
    fields->replace(fields->find("\"n\""), 3, '"' + name + '"');
  }
  knows(1, k_id_field + "," + narrow);
  knows(2, k_id_field + "," + wide);
  ASSERT_TRUE(add(2, avro_number(0) + lines_value(0)));
  ASSERT_TRUE(add(1, avro_number(7) + lines_value(20)));
  const ParquetTable table = end();
  EXPECT_EQ(undecoded_, 0U);
  EXPECT_EQ(conflicts_, 1U);
  EXPECT_EQ(table.columns[0].at(1), "7");
  EXPECT_EQ(
      table.columns[501].at(1),
      R"({"lines":{"_value_base64":"KAACBAYICgwOEBIUFhgaHB4gIiQmAA==","_reason":"would become too large as JSON"},)"
      R"("_reason":"has fields that would become too large in columns: lines"})");
}

TEST_P(FileColumnsTest, columns_that_the_footer_has_no_room_for_need_another_file) {
  knows(1, k_id_field);
  knows(2, many_fields(0, 900));
  shared_.held_bytes = ParquetShared::k_held_bytes_max;
  for (int i = 0; i < 60'000 && maker_->encoder().can_have({.leaves = 901}); ++i) {
    ASSERT_TRUE(add(1, avro_number(i * 7'919LL * i)));
  }
  EXPECT_FALSE(add(2, avro_number(1) + std::string(900, '\0')));
  shared_.held_bytes -= ParquetShared::k_held_bytes_max;
  EXPECT_EQ(names_of(end()), "id");
  ASSERT_TRUE(add(2, avro_number(1) + std::string(900, '\0')));
  EXPECT_EQ(end().footer.schema.size(), 909U);
}

// 480 columns whose paths have 15 long names each are written in 33 KiB.
TEST_P(FileColumnsTest, a_schema_with_long_paths_makes_no_columns) {
  std::string fields;
  for (int i = 0; i < 480; ++i) {
    fields += (i == 0 ? "" : ",") + (R"({"name":"c)" + std::to_string(i) + R"(","type":["null","int"]})");
  }
  for (char c = 'a'; c < 'a' + 15; ++c) {
    fields = R"({"name":")" + std::string(1'000, c) + R"(","type":{"type":"record","name":"R)" +
             std::string(1, c) + R"(","fields":[)" + fields + "]}}";
  }
  knows(1, fields);
  knows(2, k_id_field);
  ASSERT_TRUE(add(2, avro_number(1)));
  ASSERT_TRUE(add(1, std::string(480, '\0')));
  EXPECT_LT(shared_.held_bytes, 64U * 1024);
  const ParquetTable table = end();
  EXPECT_EQ(names_of(table), "id");
  EXPECT_NE(row_of(table, 1).find("makes no columns: it has names that take more than 65536 bytes"),
            std::string::npos);
}

TEST_P(FileColumnsTest, long_names_of_late_columns_have_room_in_the_footer) {
  std::string fields = k_id_field;
  for (char c = 'a'; c < 'a' + 15; ++c) {
    fields += R"(,{"name":")" + std::string(1'000, c) + R"(","type":["null","int"]})";
  }
  knows(1, k_id_field);
  knows(2, fields);
  shared_.held_bytes = ParquetShared::k_held_bytes_max;
  const codec::TableSize wide{.leaves = 16, .path_bytes = 15'018};
  for (int i = 0; i < 60'000 && maker_->encoder().can_have(wide); ++i) {
    ASSERT_TRUE(add(1, avro_number(i * 7'919LL * i)));
  }
  EXPECT_TRUE(maker_->encoder().can_have({.leaves = 16, .path_bytes = 80}));
  EXPECT_FALSE(add(2, avro_number(1) + std::string(15, '\0')));
  shared_.held_bytes -= ParquetShared::k_held_bytes_max;
  EXPECT_EQ(names_of(end()), "id");
  ASSERT_TRUE(add(2, avro_number(1) + std::string(15, '\0')));
  ASSERT_TRUE(add(2, avro_number(1) + std::string(15, '\0')));
  EXPECT_EQ(end().footer.schema.size(), 24U);
}

TEST_P(FileColumnsTest, a_file_without_rows_has_the_columns_that_are_known) {
  const auto names = [this] {
    const std::vector<std::byte> file = empty_file({.rows = RowFormat::parquet}, values_.get());
    const auto [table, fault] = read_parquet(file);
    EXPECT_EQ(fault, "");
    return names_of(table);
  };
  EXPECT_EQ(names(), "");
  knows(1, k_id_field + "," + k_note_field);
  ASSERT_TRUE(add(1, avro_number(1) + avro_number(0)));
  EXPECT_EQ(names(), "id note");
}

TEST_P(FileColumnsTest, what_a_file_holds_is_given_back) {
  knows(1, k_id_field);
  knows(2, k_id_field + "," + k_note_field);
  ASSERT_TRUE(add(1, avro_number(1)));
  ASSERT_TRUE(add(2, avro_number(1) + avro_number(0)));
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(add(1, avro_number(i)));
  }
  EXPECT_GE(shared_.held_bytes, maker_->columns().bytes());
  EXPECT_GT(shared_.held(), shared_.held_bytes + 2 * k_version_bytes);
  end();
  maker_.reset();
  EXPECT_EQ(shared_.held_bytes, 0U);
  EXPECT_GE(shared_.held(), 2 * k_version_bytes) << "the versions are kept for the next file";
}

TEST_P(FileColumnsTest, what_a_file_holds_has_its_schemas_in_it) {
  const auto held_with_doc = [this](std::size_t letters) {
    knows(1, R"({"name":"id","type":"long","doc":")" + std::string(letters, 'd') + "\"}");
    begin();
    for (int i = 0; i < 5'000; ++i) {
      EXPECT_TRUE(add(1, avro_number(i)));
    }
    return shared_.held();
  };
  const std::size_t held = held_with_doc(1);
  EXPECT_GT(held_with_doc(50'000), held + 50'000);
}

INSTANTIATE_TEST_SUITE_P(All, FileColumnsTest, testing::Values(Compression::none, Compression::zstd),
                         [](const auto& each) { return std::string(codec::to_string(each.param)); });

}  // namespace
}  // namespace penstock::format
