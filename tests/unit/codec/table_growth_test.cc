#include "codec/table_growth.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/avro_table.h"
#include "codec/table_rules.h"
#include "codec/table_text.h"

namespace penstock::codec {
namespace {

// As a version of a topic's schema is taken.
Table table_of(const std::string& fields) {
  const AvroSchema schema =
      AvroSchema::parse(R"({"type":"record","name":"R","fields":[)" + fields + "]}").value();
  Table table = table_of_avro(schema).value();
  make_optional(table.fields);
  return table;
}

std::string avro_field_of(const std::string& name, const std::string& type) {
  return R"({"name":")" + name + R"(","type":)" + type + "}";
}

std::string one(const std::string& type) {
  return avro_field_of("a", type);
}

std::string record_of(const std::string& name, const std::string& fields) {
  return R"({"type":"record","name":")" + name + R"(","fields":[)" + fields + "]}";
}

std::string list_of(const std::string& type) {
  return R"({"type":"array","items":)" + type + "}";
}

std::string decimal_of_precision(int precision, int scale) {
  return R"({"type":"bytes","logicalType":"decimal","precision":)" + std::to_string(precision) +
         R"(,"scale":)" + std::to_string(scale) + "}";
}

// "int64 note text": without what makes a tree of it.
std::string words_of(const Table& table) {
  std::string words = tree_text(table, "");
  for (char& c : words) {
    c = c == '\n' ? ';' : c;
  }
  return words;
}

FieldFit fit(const std::string& written, const std::string& column) {
  return fit_of(table_of(one(written)).fields.front(), table_of(one(column)).fields.front());
}

TEST(TableGrowth, a_field_fits_a_column_of_its_type_and_numbers_those_of_another_width) {
  EXPECT_EQ(fit("\"string\"", "\"string\""), FieldFit::fits);
  EXPECT_EQ(fit("\"string\"", R"(["null","string"])"), FieldFit::fits);
  EXPECT_EQ(fit("\"int\"", "\"long\""), FieldFit::fits);
  EXPECT_EQ(fit("\"long\"", "\"int\""), FieldFit::fits);
  EXPECT_EQ(fit("\"float\"", "\"double\""), FieldFit::fits);
  EXPECT_EQ(fit("\"double\"", "\"float\""), FieldFit::fits);
  EXPECT_EQ(fit(decimal_of_precision(5, 2), decimal_of_precision(9, 2)), FieldFit::fits);
  for (const auto& [written, column] : std::vector<std::pair<std::string, std::string>>{
           {"\"string\"", "\"long\""},
           {"\"int\"", "\"double\""},
           {"\"boolean\"", "\"int\""},
           {"\"bytes\"", "\"string\""},
           {decimal_of_precision(5, 2), decimal_of_precision(5, 1)},
           {R"({"type":"long","logicalType":"timestamp-millis"})",
            R"({"type":"long","logicalType":"timestamp-micros"})"},
           {R"(["int","string"])", "\"string\""},
           {list_of("\"int\""), "\"int\""},
           {list_of("\"int\""), record_of("S", one("\"int\""))},
           {list_of("\"int\""), list_of("\"string\"")}}) {
    EXPECT_EQ(fit(written, column), FieldFit::conflicts) << written << column;
    EXPECT_EQ(fit(column, written), FieldFit::conflicts) << column << written;
  }
}

TEST(TableGrowth, what_lies_in_a_column_fits_if_the_column_has_all_of_it) {
  const std::string x = record_of("S", avro_field_of("x", "\"int\""));
  const std::string xy =
      record_of("S", avro_field_of("y", "\"string\"") + "," + avro_field_of("x", "\"int\""));
  const std::string other =
      record_of("S", avro_field_of("x", "\"string\"") + "," + avro_field_of("z", "\"int\""));
  const std::string upper = record_of("S", avro_field_of("X", "\"int\""));
  for (const bool in_list : {false, true}) {
    const auto around = [in_list](const std::string& type) { return in_list ? list_of(type) : type; };
    EXPECT_EQ(fit(around(x), around(xy)), FieldFit::fits);
    EXPECT_EQ(fit(around(xy), around(x)), FieldFit::grows);
    EXPECT_EQ(fit(around(other), around(x)), FieldFit::conflicts);
    EXPECT_EQ(fit(around(upper), around(x)), FieldFit::conflicts);
  }
}

TEST(TableGrowth, the_next_table_has_all_that_was_seen_in_the_order_of_its_coming) {
  const Table first = table_of(avro_field_of("id", "\"int\"") + "," + avro_field_of("note", "\"string\"") +
                               "," + avro_field_of("at", record_of("S", avro_field_of("x", "\"float\""))) +
                               "," + avro_field_of("sum", decimal_of_precision(9, 2)));
  const Table second = table_of(
      avro_field_of("more", "\"boolean\"") + "," + avro_field_of("sum", decimal_of_precision(20, 2)) + "," +
      avro_field_of(
          "at", record_of("S", avro_field_of("y", "\"string\"") + "," + avro_field_of("x", "\"double\""))) +
      "," + avro_field_of("note", "\"long\"") + "," + avro_field_of("id", "\"long\""));
  const Table next = grown(grown({}, first), second);
  EXPECT_EQ(
      words_of(next),
      words_of(table_of(avro_field_of("id", "\"long\"") + "," + avro_field_of("note", "\"string\"") + "," +
                        avro_field_of("at", record_of("S", avro_field_of("x", "\"double\"") + "," +
                                                               avro_field_of("y", "\"string\""))) +
                        "," + avro_field_of("sum", decimal_of_precision(20, 2)) + "," +
                        avro_field_of("more", "\"boolean\""))));
  EXPECT_EQ(grown(next, first), next);
  EXPECT_EQ(grown(next, Table{.fields = {{.name = "ID", .type = FieldType::text}}}), next);
}

TEST(TableGrowth, an_open_table_gets_new_columns_and_keeps_those_that_it_has) {
  Table table = table_of(avro_field_of("id", "\"int\""));
  const Table written = table_of(avro_field_of("new", "\"float\"") + "," + avro_field_of("id", "\"long\""));
  const Table next = grown(grown(table, written), table_of(avro_field_of("new", "\"double\"")));
  ASSERT_TRUE(add_columns(table, written, next));
  EXPECT_EQ(words_of(table),
            words_of(table_of(avro_field_of("id", "\"int\"") + "," + avro_field_of("new", "\"double\""))));
  const Table before = table;
  ASSERT_TRUE(add_columns(table, table_of(avro_field_of("id", "\"string\"")), next));
  EXPECT_EQ(table, before);
}

TEST(TableGrowth, an_open_table_cannot_get_what_lies_in_a_column) {
  Table table = table_of(one(record_of("S", avro_field_of("x", "\"int\""))));
  const Table before = table;
  const Table written =
      table_of(one(record_of("S", avro_field_of("x", "\"int\"") + "," + avro_field_of("y", "\"int\""))) +
               "," + avro_field_of("new", "\"int\""));
  EXPECT_FALSE(add_columns(table, written, grown(table, written)));
  EXPECT_EQ(table, before);
  // Where the next table has no room for it either, another file would not help.
  EXPECT_TRUE(add_columns(table, written, before));
  EXPECT_EQ(table, before);
}

TEST(TableGrowth, a_table_has_so_many_columns_and_no_more) {
  Table table;
  for (std::size_t i = 0; i < k_table_leaves_max - 1; ++i) {
    table.fields.push_back({.name = "c" + std::to_string(i)});
  }
  const Table written{.fields = {{.name = "two",
                                  .type = FieldType::map,
                                  .fields = {{.name = "key", .optional = false}, {.name = "value"}}},
                                 {.name = "last"},
                                 {.name = "too many"}}};
  const Table next = grown(table, written);
  EXPECT_EQ(leaf_count(next), k_table_leaves_max);
  EXPECT_EQ(next.fields.back().name, "last");
  ASSERT_TRUE(add_columns(table, written, next));
  EXPECT_EQ(table, next);
}

TEST(TableGrowth, the_paths_of_its_columns_have_so_many_bytes_and_no_more) {
  const auto version = [](const std::string& name, std::size_t letters) {
    return table_of(avro_field_of(name, record_of("S", avro_field_of(std::string(letters, 'x'), "\"int\""))));
  };
  Table table;
  for (int i = 0; i < 63; ++i) {
    table = grown(table, version("a" + std::to_string(10 + i), 1'019));  // 1,024 with the bytes beside
  }
  const Table written = version("b10", 1'019);
  Table wide = grown(table, written);
  EXPECT_EQ(size_of(wide).path_bytes, k_table_path_bytes_max);
  EXPECT_EQ(grown(wide, version("c", 1)), wide);
  EXPECT_EQ(grown(wide, version("b10", 1)), wide) << "a record would grow";
  Table open = table;
  ASSERT_TRUE(add_columns(open, written, wide));
  EXPECT_EQ(open, wide);
}

// Of the record: "Order record id int64".
TEST(TableGrowth, the_fields_of_a_record_can_lie_in_a_column_of_their_own) {
  const Table order = table_of(avro_field_of("id", "\"long\""));
  const Table payment = table_of(avro_field_of("id", "\"string\"") + "," + avro_field_of("sum", "\"float\""));
  const Table two = grown(grown({}, order, "Order"), payment, "Payment");
  EXPECT_EQ(two, table_of(avro_field_of("Order", record_of("O", avro_field_of("id", "\"long\""))) + "," +
                          avro_field_of("Payment", record_of("P", avro_field_of("id", "\"string\"") + "," +
                                                                      avro_field_of("sum", "\"float\"")))));
  EXPECT_EQ(grown(two, order, "Order"), two);

  // Each field of the record is held against its own column, as fields of no record are.
  const Table changed =
      table_of(avro_field_of("id", "\"string\"") + "," + avro_field_of("note", "\"string\""));
  const Table next = grown(two, changed, "Order");
  EXPECT_EQ(next.fields.front(),
            table_of(avro_field_of("Order", record_of("O", avro_field_of("id", "\"long\"") + "," +
                                                               avro_field_of("note", "\"string\""))))
                .fields.front());

  // A name that differs in case, or is that of a column which is no record, has no column.
  EXPECT_EQ(grown(two, changed, "order"), two);
  EXPECT_EQ(grown(order, changed, "id"), order);
}

TEST(TableGrowth, an_open_table_gets_a_record_that_is_new_and_no_field_in_one_that_is_there) {
  Table table = grown({}, table_of(avro_field_of("id", "\"int\"")), "Order");
  const Table payment = table_of(avro_field_of("sum", "\"float\""));
  const Table two = grown(table, payment, "Payment");
  ASSERT_TRUE(add_columns(table, payment, two, "Payment"));
  EXPECT_EQ(table, two);
  ASSERT_TRUE(add_columns(table, payment, two, "Payment"));
  EXPECT_EQ(table, two);
  const Table larger =
      table_of(avro_field_of("sum", "\"float\"") + "," + avro_field_of("note", "\"string\""));
  EXPECT_FALSE(add_columns(table, larger, grown(two, larger, "Payment"), "Payment"));
  EXPECT_EQ(table, two);
  // A field that no column is for does not ask for another file.
  const Table other = table_of(avro_field_of("sum", "\"string\""));
  EXPECT_TRUE(add_columns(table, other, grown(two, other, "Payment"), "Payment"));
  EXPECT_EQ(table, two);
}

TEST(TableGrowth, a_record_has_the_fields_that_there_is_room_for) {
  Table table;
  for (std::size_t i = 0; i < k_table_leaves_max - 2; ++i) {
    table.fields.push_back({.name = "c" + std::to_string(i)});
  }
  const Table three{.fields = {{.name = "x"}, {.name = "y"}, {.name = "z"}}};
  const Table next = grown(table, three, "R");
  EXPECT_EQ(leaf_count(next), k_table_leaves_max);
  EXPECT_EQ(next.fields.back().fields.back().name, "y");
  EXPECT_EQ(grown(next, three, "S"), next);
  ASSERT_TRUE(add_columns(table, three, next, "R"));
  EXPECT_EQ(table, next);
  ASSERT_TRUE(add_columns(table, three, next, "S"));
  EXPECT_EQ(table, next);
}

}  // namespace
}  // namespace penstock::codec
