#include "codec/json_shredder.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/json_grammar.h"
#include "codec/json_tokens.h"
#include "unit/codec/row_assembly.h"

namespace penstock::codec {
namespace {

using std::string_literals::operator""s;

Field plain_field(const char* name, FieldType type) {
  return {.name = name, .type = type};
}

Field list_field(const char* name, Field item) {
  item.name = "element";
  return {.name = name, .type = FieldType::list, .fields = {std::move(item)}};
}

Field map_field(const char* name, Field value) {
  value.name = "value";
  return {.name = name,
          .type = FieldType::map,
          .fields = {{.name = "key", .type = FieldType::text, .optional = false}, std::move(value)}};
}

Field record_field(const char* name, std::vector<Field> fields) {
  return {.name = name, .type = FieldType::record, .fields = std::move(fields)};
}

struct JsonShredding {
  std::unique_ptr<Shredder> shredder;

  explicit JsonShredding(std::vector<Field> fields)
      : shredder(make_json_shredder({.fields = std::move(fields)})) {}
  // Of a schema that makes the columns `written`, into others.
  JsonShredding(std::vector<Field> written, std::vector<Field> columns)
      : shredder(make_json_shredder({.fields = std::move(written)},
                                    std::make_shared<const Table>(Table{.fields = std::move(columns)}))) {}

  // The row, and what is rescued behind it.
  std::string of(std::string_view value) {
    // In memory of its own, so that a read behind the value is seen.
    const std::vector<char> copy(value.begin(), value.end());
    const Row& row = shredder->shred(as_bytes({copy.data(), copy.size()}));
    if (!row.rescued.empty()) {
      EXPECT_TRUE(follows_json_grammar(row.rescued)) << row.rescued;
    }
    return RowAssembly::json_of(shredder->table(), row) + row.rescued;
  }
};

TEST(JsonShredder, the_worked_example) {
  JsonShredding order(
      {plain_field("id", FieldType::int64), record_field("order", {plain_field("qty", FieldType::int64)})});
  EXPECT_EQ(order.of(R"({"id":7,"order":{"qty":"x"},"new":1})"),
            R"({"id":7,"order":{"qty":null}}{"order":{"qty":"x"},"new":1})");
  EXPECT_FALSE(order.shredder->was_undecoded());
  EXPECT_EQ(order.of(R"( { "order" : { "qty" : 3 } } )"), R"({"id":null,"order":{"qty":3}})");
  EXPECT_EQ(order.of("{}"), R"({"id":null,"order":null})");
}

TEST(JsonShredder, members_come_in_any_order_and_only_the_first_of_a_name_counts) {
  JsonShredding abc({plain_field("a", FieldType::int64), plain_field("b", FieldType::int64),
                     plain_field("c", FieldType::int64)});
  EXPECT_EQ(abc.of(R"({"c":3,"a":1,"b":2})"), R"({"a":1,"b":2,"c":3})");
  EXPECT_EQ(abc.of(R"({"b":2,"\u0061":1,"b":9,"B":4})"), R"({"a":1,"b":2,"c":null}{"b":9,"B":4})");
  EXPECT_EQ(abc.of(R"({"a":null,"a":1})"), R"({"a":null,"b":null,"c":null}{"a":1})");
}

TEST(JsonShredder, integers_are_exact_or_rescued) {
  JsonShredding numbers({plain_field("n", FieldType::int64), plain_field("i", FieldType::int32)});
  const auto n = [&](const std::string& text) { return numbers.of("{\"n\":" + text + "}"); };
  for (const char* const seven : {"7", "7.0", "7e0", "70e-1", "0.7e1", "7.000000000000000000000000000000"}) {
    EXPECT_EQ(n(seven), R"({"n":7,"i":null})") << seven;
  }
  EXPECT_EQ(n("-0"), R"({"n":0,"i":null})");
  EXPECT_EQ(n("9223372036854775807"), R"({"n":9223372036854775807,"i":null})");
  EXPECT_EQ(n("-9223372036854775808.0"), R"({"n":-9223372036854775808,"i":null})");
  for (const char* const other :
       {"7.5", "1e-1", "9223372036854775808", "-9223372036854775809.0", "1e19", "1e999999999999", "\"7\"",
        "true", "[]", "{}", "70.00000000000000000000000000000000000000000000001"}) {
    EXPECT_EQ(n(other), "{\"n\":null,\"i\":null}{\"n\":" + std::string(other) + "}") << other;
  }
  EXPECT_EQ(numbers.of(R"({"i":2147483647})"), R"({"n":null,"i":2147483647})");
  EXPECT_EQ(numbers.of(R"({"i":2147483648})"), R"({"n":null,"i":null}{"i":2147483648})");
}

TEST(JsonShredder, a_float_is_the_nearest_double_of_any_number) {
  JsonShredding numbers({plain_field("x", FieldType::float64), plain_field("y", FieldType::float32)});
  EXPECT_EQ(numbers.of(R"({"x":0.1,"y":0.1})"), R"({"x":0.1,"y":0.1})");
  EXPECT_EQ(numbers.of(R"({"x":123456789012345678901234567890,"y":1})"),
            R"({"x":1.2345678901234568e+29,"y":1.0})");
  EXPECT_EQ(numbers.of(R"({"x":1e400,"y":1e39})"), R"({"x":null,"y":null}{"x":1e400,"y":1e39})");
}

TEST(JsonShredder, a_number_however_it_is_written_is_what_strtod_makes_of_it) {
  JsonShredding numbers({plain_field("x", FieldType::float64)});
  std::mt19937 random(5);
  const auto digits = [&random](std::size_t count) {
    std::string text;
    while (text.size() < count) {
      text += static_cast<char>('0' + random() % 10);
    }
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    std::string text = random() % 2 == 0 ? "-" : "";
    text += random() % 3 == 0 ? "0" : std::to_string(1 + random() % 9) + digits(random() % 18);
    text += random() % 3 == 0 ? "" : "." + digits(1 + random() % 18);
    text += random() % 4 > 0 ? "" : "e" + std::to_string(static_cast<int>(random() % 60) - 30);
    const std::string value = "{\"x\":" + text + "}";
    const Row& row = numbers.shredder->shred(as_bytes(value));
    ASSERT_EQ(row.cells.size(), 1U) << text;
    const double expected = std::strtod(text.c_str(), nullptr);
    ASSERT_EQ(std::memcmp(&row.cells[0].real, &expected, sizeof(expected)), 0) << text;
  }
  for (const char* const fault : {"00", "-", "01.5", "1.", ".5", "-.5", "1.2.3", "1-2", "--1", "-01", "+1"}) {
    numbers.shredder->shred(as_bytes("{\"x\":" + std::string(fault) + "}"));
    EXPECT_TRUE(numbers.shredder->was_undecoded()) << fault;
  }
}

TEST(JsonShredder, a_name_is_the_whole_string_in_front_of_the_colon) {
  JsonShredding names({plain_field("a", FieldType::int64), plain_field("ab", FieldType::int64),
                       plain_field("q\"\\", FieldType::int64), plain_field("", FieldType::int64)});
  EXPECT_EQ(names.of(R"({"a" : 1, "ab"	:2,"q\"\\":3,"":4})"), R"({"a":1,"ab":2,"q\"\\":3,"":4})");
  EXPECT_EQ(names.of(R"({"ab":2,"a":1,"\u0061b":5,"b":6})"),
            R"({"a":1,"ab":2,"q\"\\":null,"":null}{"\u0061b":5,"b":6})");
  for (const char* const fault : {R"({"a"})", R"({"a" 1})", R"({"a":})", R"({"a","ab":1})", R"({"a""ab":1})",
                                  R"({"a":1,"ab"})", R"({"a)", R"({"a":1,"a)", "{\"a\":1,\"ab\":"}) {
    names.of(fault);
    EXPECT_TRUE(names.shredder->was_undecoded()) << fault;
  }
}

TEST(JsonShredder, decimals_are_never_rounded) {
  JsonShredding sums({{.name = "d", .type = FieldType::decimal, .precision = 38, .scale = 2},
                      {.name = "e", .type = FieldType::decimal, .precision = 3, .scale = 3}});
  EXPECT_EQ(sums.of(R"({"d":12.5,"e":"-0.001"})"), R"({"d":"12.50","e":"-0.001"})");
  EXPECT_EQ(sums.of(R"({"d":-999999999999999999999999999999999999.99,"e":0.999000})"),
            R"({"d":"-999999999999999999999999999999999999.99","e":"0.999"})");
  EXPECT_EQ(sums.of(R"({"d":1000000000000000000000000000000000000,"e":1})"),
            R"({"d":null,"e":null}{"d":1000000000000000000000000000000000000,"e":1})");
  EXPECT_EQ(sums.of(R"({"d":0.005,"e":"x"})"), R"({"d":null,"e":null}{"d":0.005,"e":"x"})");
  EXPECT_EQ(sums.of(R"({"d":1e35,"e":1e-3})"),
            R"({"d":"100000000000000000000000000000000000.00","e":"0.001"})");
  EXPECT_EQ(sums.of(R"({"d":0e-9,"e":0})"), R"({"d":"0.00","e":"0.000"})");
}

TEST(JsonShredder, times_are_exact_to_the_microsecond_or_rescued) {
  JsonShredding times({plain_field("at", FieldType::timestamp_micros), plain_field("day", FieldType::date),
                       plain_field("ms", FieldType::timestamp_millis),
                       plain_field("here", FieldType::local_timestamp_micros)});
  EXPECT_EQ(
      times.of(
          R"({"at":"2026-11-29T19:29:33.1234560+01:30","day":"2024-02-29","ms":"0001-01-01 00:00:00Z","here":"9999-12-31T23:59:59.999999"})"),
      R"({"at":"2026-11-29T17:59:33.123456Z","day":"2024-02-29","ms":"0001-01-01T00:00:00.000Z","here":"9999-12-31T23:59:59.999999"})");
  for (const char* const other :
       {"2026-11-29T19:29:33.1234567Z", "2026-11-29T19:29:33", "2026-11-29", "2026-02-29T00:00:00Z",
        "0000-12-31T00:00:00Z", "2026-11-29T24:00:00Z", "2026-11-29T23:59:60Z", "2026-11-29T19:29Z",
        "2026-11-29T19:29:33.Z", "2026-11-29T19:29:33+1:00", "0001-01-01T00:00:00+00:01",
        "2026-11-29T19:29:33Zx", ""}) {
    const std::string text = "{\"at\":\"" + std::string(other) + "\"}";
    EXPECT_EQ(times.of(text), R"({"at":null,"day":null,"ms":null,"here":null})" + text);
  }
  EXPECT_EQ(
      times.of(
          R"({"ms":"2026-11-29T19:29:33.1231Z","here":"2026-11-29T19:29:33Z","day":"2026-11-29T00:00:00Z"})"),
      R"({"at":null,"day":null,"ms":null,"here":null})"
      R"({"ms":"2026-11-29T19:29:33.1231Z","here":"2026-11-29T19:29:33Z","day":"2026-11-29T00:00:00Z"})");
}

TEST(JsonShredder, texts_lose_their_escapes_and_nothing_else) {
  JsonShredding texts({plain_field("t", FieldType::text), plain_field("b", FieldType::bytes),
                       plain_field("j", FieldType::json)});
  EXPECT_EQ(texts.of(R"({"t":"a\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00z","b":"aGk=","j":{ "x":"\n" }})"),
            R"({"t":"a\"\\/\u0008\u000c\n\u000d\u0009)"
            "\xc3\xa4\xf0\x9f\x98\x80"
            R"(z","b":"aGk=","j":{ "x":"\n" }})");
  EXPECT_EQ(texts.of(R"({"t":"","b":"aGk","j":null})"), R"({"t":"","b":null,"j":null}{"b":"aGk"})");
  EXPECT_EQ(texts.of(R"({"t":"\ud83d"})"),
            R"({"t":null,"b":null,"j":null}{"_value":"{\"t\":\"\\ud83d\"}","_reason":"is not JSON"})");
}

TEST(JsonShredder, in_a_list_or_map_a_misfit_rescues_the_outermost) {
  JsonShredding order({record_field(
      "o", {list_field("lines", record_field("", {plain_field("sku", FieldType::text),
                                                  map_field("m", plain_field("", FieldType::int64))}))})});
  EXPECT_EQ(order.of(R"({"o":{"lines":[{"sku":"a","m":{"x":1,"y":null}},null,{"m":{}}]}})"),
            R"({"o":{"lines":[{"sku":"a","m":{"x":1,"y":null}},null,{"sku":null,"m":{}}]}})");
  EXPECT_EQ(order.of(R"({"o":{"lines":[{"sku":"a","m":{"x":1}},{"m":{"y":"1"}}],"z":[]}})"),
            R"({"o":{"lines":null}}{"o":{"lines":[{"sku":"a","m":{"x":1}},{"m":{"y":"1"}}],"z":[]}})");
  EXPECT_EQ(order.of(R"({"o":{"lines":[{"sku":"a"},7]}})"),
            R"({"o":{"lines":null}}{"o":{"lines":[{"sku":"a"},7]}})");
  EXPECT_EQ(order.of(R"({"o":{"lines":[]}})"), R"({"o":{"lines":[]}})");
}

TEST(JsonShredder, a_member_that_is_new_in_a_list_leaves_its_columns_as_they_are) {
  JsonShredding order({list_field("lines", record_field("", {plain_field("sku", FieldType::text)})),
                       plain_field("id", FieldType::int64)});
  EXPECT_EQ(order.of(R"({"lines":[{"sku":"a","new":1}],"id":2})"),
            R"({"lines":[{"sku":"a"}],"id":2}{"lines":[{"sku":"a","new":1}]})");
  EXPECT_EQ(order.of(R"({"lines":[{"sku":"a","sku":1}],"id":2})"),
            R"({"lines":[{"sku":"a"}],"id":2}{"lines":[{"sku":"a","sku":1}]})");
}

TEST(JsonShredder, columns_of_other_versions_are_found_by_name_and_are_null) {
  JsonShredding v2(
      {plain_field("note", FieldType::text), plain_field("id", FieldType::int64)},
      {plain_field("id", FieldType::int64), plain_field("old", FieldType::int32),
       record_field("by", {plain_field("who", FieldType::text)}), plain_field("note", FieldType::text)});
  EXPECT_EQ(v2.of(R"({"note":"n","id":7})"), R"({"id":7,"old":null,"by":null,"note":"n"})");
  EXPECT_EQ(v2.of(R"({"id":7,"note":"n"})"), R"({"id":7,"old":null,"by":null,"note":"n"})");
  EXPECT_EQ(v2.of(R"({"id":7,"old":3})"), R"({"id":7,"old":null,"by":null,"note":null}{"old":3})")
      << "the schema of the value does not have it";
  EXPECT_EQ(v2.of("[]"),
            R"({"id":null,"old":null,"by":null,"note":null}{"_value":[],"_reason":"is no object"})");
  EXPECT_TRUE(v2.shredder->was_undecoded());
  EXPECT_FALSE(v2.shredder->was_in_conflict());
}

TEST(JsonShredder, records_lists_and_maps_have_their_columns_in_other_places) {
  const auto line = [](std::vector<Field> fields) {
    return list_field("lines", record_field("", std::move(fields)));
  };
  JsonShredding order(
      {map_field("rates", plain_field("", FieldType::float64)),
       line({plain_field("n", FieldType::int64), plain_field("sku", FieldType::text)})},
      {line({plain_field("sku", FieldType::text), plain_field("more", FieldType::boolean),
             plain_field("n", FieldType::int64)}),
       plain_field("id", FieldType::int64), map_field("rates", plain_field("", FieldType::float64))});
  EXPECT_EQ(order.of(R"({"rates":{"a":0.5},"lines":[{"sku":"x","n":1},{"n":2}]})"),
            R"({"lines":[{"sku":"x","more":null,"n":1},{"sku":null,"more":null,"n":2}],"id":null,)"
            R"("rates":{"a":0.5}})");
  EXPECT_EQ(
      order.of(R"({"lines":[{"more":true}]})"),
      R"({"lines":[{"sku":null,"more":null,"n":null}],"id":null,"rates":null}{"lines":[{"more":true}]})");
}

TEST(JsonShredder, a_field_that_fits_no_column_is_rescued_with_the_reason) {
  JsonShredding order(
      {plain_field("id", FieldType::int64), plain_field("total", FieldType::text),
       plain_field("Id", FieldType::int64), list_field("tags", plain_field("", FieldType::text))},
      {plain_field("total", FieldType::float64), plain_field("id", FieldType::int64)});
  EXPECT_EQ(order.of(R"({"id":7,"total":"12.50","tags":["a"],"Id":8})"),
            R"({"total":null,"id":7}{"total":"12.50","tags":["a"],"Id":8,"_reason":"has fields that their )"
            R"(columns cannot take: total, tags, Id"})");
  EXPECT_TRUE(order.shredder->was_in_conflict());
  EXPECT_EQ(order.of(R"({"id":"x","total":null})"), R"({"total":null,"id":null}{"id":"x"})")
      << "what is not of its own schema is in no conflict with another";
  EXPECT_FALSE(order.shredder->was_in_conflict());
  EXPECT_EQ(order.of(R"({"_reason":"mine","total":"1"})"),
            R"({"total":null,"id":null}{"_reason":"mine","total":"1"})");
  EXPECT_TRUE(order.shredder->was_in_conflict());
  EXPECT_EQ(order.of(R"({"total":"1")"),
            R"({"total":null,"id":null}{"_value":"{\"total\":\"1\"","_reason":"is not JSON"})");
  EXPECT_FALSE(order.shredder->was_in_conflict());
}

TEST(JsonShredder, the_fields_of_a_record_may_lie_in_its_column) {
  const Table written{.fields = {plain_field("id", FieldType::int64), plain_field("note", FieldType::text)}};
  const Table table{
      .fields = {
          record_field("Order", {plain_field("note", FieldType::text), plain_field("more", FieldType::int64),
                                 plain_field("id", FieldType::int64)}),
          record_field("Payment", {plain_field("id", FieldType::text)}), plain_field("id", FieldType::text)}};
  const auto row_of = [&](const char* record, std::string_view value) {
    const auto shredder = make_json_shredder(written, std::make_shared<const Table>(table), record);
    const Row& row = shredder->shred(as_bytes(value));
    return RowAssembly::json_of(table, row) + row.rescued;
  };
  EXPECT_EQ(row_of("Order", R"({"id":7})"),
            R"({"Order":{"note":null,"more":null,"id":7},"Payment":null,"id":null})");
  EXPECT_EQ(row_of("Order", "7"),
            R"({"Order":null,"Payment":null,"id":null}{"_value":7,"_reason":"is no object"})");
  const std::string conflict = R"(,"_reason":"has fields that their columns cannot take: id"})";
  EXPECT_EQ(row_of("Payment", R"({"id":7})"),
            R"({"Order":null,"Payment":{"id":null},"id":null}{"id":7)" + conflict);
  for (const char* const none : {"Refund", "id"}) {
    EXPECT_EQ(row_of(none, R"({"id":7})"), R"({"Order":null,"Payment":null,"id":null}{"id":7)" + conflict);
  }
}

TEST(JsonShredder, a_number_is_in_a_narrower_column_only_if_it_stays_what_it_is) {
  JsonShredding order({record_field("by", {plain_field("n", FieldType::int64)}),
                       list_field("reals", plain_field("", FieldType::float64))},
                      {record_field("by", {plain_field("n", FieldType::int32)}),
                       list_field("reals", plain_field("", FieldType::float32))});
  EXPECT_EQ(order.of(R"({"by":{"n":2147483647},"reals":[0.5]})"), R"({"by":{"n":2147483647},"reals":[0.5]})");
  EXPECT_FALSE(order.shredder->was_in_conflict());
  EXPECT_EQ(order.of(R"({"by":{"n":2147483648},"reals":[0.5,0.1]})"),
            R"({"by":{"n":null},"reals":null}{"by":{"n":2147483648},"reals":[0.5,0.1],"_reason":"has fields )"
            R"(that their columns cannot take: by, reals"})");
  EXPECT_TRUE(order.shredder->was_in_conflict());
}

TEST(JsonShredder, what_is_no_object_is_rescued_whole) {
  JsonShredding id({plain_field("id", FieldType::int64)});
  EXPECT_EQ(id.of("[1, 2]"), R"({"id":null}{"_value":[1, 2],"_reason":"is no object"})");
  EXPECT_TRUE(id.shredder->was_undecoded());
  EXPECT_EQ(id.of("null"), R"({"id":null}{"_value":null,"_reason":"is no object"})");
  EXPECT_EQ(id.of("\"a\""), R"({"id":null}{"_value":"a","_reason":"is no object"})");
  EXPECT_EQ(id.of("a"), R"({"id":null}{"_value":"a","_reason":"is not JSON"})");
  EXPECT_EQ(id.of(""), R"({"id":null}{"_value":"","_reason":"is not JSON"})");
  EXPECT_EQ(id.of("\xff"), R"({"id":null}{"_value_base64":"/w==","_reason":"is not JSON"})");
  EXPECT_EQ(id.of(R"({"id":7)"), R"({"id":null}{"_value":"{\"id\":7","_reason":"is not JSON"})");
  EXPECT_EQ(id.of(R"({"id":7} 8)"), R"({"id":null}{"_value":"{\"id\":7} 8","_reason":"is not JSON"})");
  EXPECT_EQ(id.of(R"({"id":7})"), R"({"id":7})");
  EXPECT_FALSE(id.shredder->was_undecoded());
}

TEST(JsonShredder, a_fault_anywhere_makes_it_no_json) {
  JsonShredding id({plain_field("id", FieldType::int64), list_field("l", plain_field("", FieldType::text)),
                    plain_field("j", FieldType::json)});
  for (const char* const text :
       {R"({"id":07})",       R"({"id":7x})",          R"({"id":7 8})",    R"({"id" 7})",
        R"({"id":7,})",       R"({"id":tru})",         R"({"id":nul})",    R"({"id":-})",
        R"({"id":1.})",       R"({"new":1e})",         R"({"new":[1,]})",  R"({"new":"\x"})",
        R"({"l":["a" "b"]})", R"({"l":["a",7,"b"x]})", R"({"j":{"a":[}})", R"({"j":"a"b})",
        R"({id:7})",          "{\"id\":7\f}",          "{\"j\":\"a\tb\"}", "{\"j\":\x1a}",
        "\xef\xbb\xbf{}"}) {
    EXPECT_EQ(follows_json_grammar(text), false) << text;
    id.of(text);
    EXPECT_TRUE(id.shredder->was_undecoded()) << text;
  }
  const std::string deep(511, '[');
  EXPECT_EQ(id.of("{\"j\":" + deep + std::string(511, ']') + "}").substr(0, 8), "{\"id\":nu");
  EXPECT_FALSE(id.shredder->was_undecoded());
  id.of("{\"j\":[" + deep + std::string(511, ']') + "]}");
  EXPECT_TRUE(id.shredder->was_undecoded());
}

TEST(JsonShredder, a_value_that_is_too_large_is_kept_whole) {
  JsonShredding id({plain_field("id", FieldType::int64), plain_field("t", FieldType::text)});
  const std::string large = "{\"id\":7,\"t\":\"" + std::string(JsonTokens::k_text_bytes_max, 'x') + "\"}";
  EXPECT_EQ(id.of(large), R"({"id":null,"t":null}{"_value":)" + large +
                              R"(,"_reason":"is larger than can be taken apart"})");
  EXPECT_EQ(id.of(R"({"id":7})"), R"({"id":7,"t":null})");
}

TEST(JsonShredder, a_list_with_more_cells_than_a_row_may_have_is_rescued) {
  JsonShredding wide(
      {list_field("l", plain_field("", FieldType::boolean)), plain_field("id", FieldType::int64)});
  std::string list = "[true";
  for (std::size_t i = 0; i < k_row_cells_max + 1; ++i) {
    list += ",true";
  }
  list += "]";
  EXPECT_EQ(wide.of("{\"l\":" + list + ",\"id\":7}"), R"({"l":null,"id":7}{"l":)" + list + "}");
}

// Random tables and values. What must come of a value is known when it is made.

class RandomJson {
 public:
  explicit RandomJson(std::uint64_t seed) : random_(seed) {}

  std::vector<Field> fields(int depth) {
    std::vector<Field> made;
    for (std::uint64_t i = 0, count = 1 + below(5); i < count; ++i) {
      made.push_back(field(("f" + std::to_string(i) + (below(9) == 0 ? "\"\xc3\xa4" : "")).c_str(), depth));
    }
    return made;
  }

  // What stands in the text, in its column, and what is rescued of it; empty: nothing.
  struct Made {
    std::string text = {};
    std::string column = {};
    std::string rescued = {};
    bool misfit = false;
    bool stranger = false;
  };

  Made object(const std::vector<Field>& fields, bool in_items) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      order.push_back(i);
    }
    if (below(3) == 0) {
      std::shuffle(order.begin(), order.end(), random_);
    }
    Made made;
    std::vector<std::string> columns(fields.size(), "null");
    for (const std::size_t i : order) {
      if (below(6) == 0) {
        continue;
      }
      const std::string name = json_string(fields[i].name);
      const bool outermost =
          !in_items && (fields[i].type == FieldType::list || fields[i].type == FieldType::map);
      const Made value = this->value(fields[i], in_items || outermost);
      add(made.text, name, value.text);
      columns[i] = value.column;
      if (in_items) {
        made.misfit = made.misfit || value.misfit;
        made.stranger = made.stranger || value.stranger;
      } else if (value.misfit) {
        columns[i] = "null";
        add(made.rescued, name, value.text);
      } else if (value.stranger) {
        add(made.rescued, name, value.text);
      } else if (!value.rescued.empty()) {
        add(made.rescued, name, value.rescued);
      }
      if (below(12) == 0) {
        const std::string again = below(2) == 0 ? name : "\"new\"";
        add(made.text, again, "[{\"a\": 1}]");
        made.stranger = true;
        if (!in_items) {
          add(made.rescued, again, "[{\"a\": 1}]");
        }
      }
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      add(made.column, json_string(fields[i].name), columns[i]);
    }
    made.text += made.text.empty() ? "{}" : "}";
    made.column += "}";
    made.rescued += made.rescued.empty() ? "" : "}";
    made.stranger = made.stranger && in_items;
    return made;
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  void add(std::string& object, const std::string& name, const std::string& value) {
    object += object.empty() ? "{" : ",";
    object += name + ":" + value;
  }

  Field field(const char* name, int depth) {
    static const std::vector<FieldType> k_plain{FieldType::boolean, FieldType::int64,   FieldType::text,
                                                FieldType::json,    FieldType::float64, FieldType::date};
    switch (depth > 3 ? 9 : below(10)) {
      case 0:
      case 1:
        return record_field(name, fields(depth + 1));
      case 2:
      case 3:
        return list_field(name, field("", depth + 1));
      case 4:
        return map_field(name, field("", depth + 1));
      default:
        return plain_field(name, k_plain[below(k_plain.size())]);
    }
  }

  Made value(const Field& field, bool in_items) {
    if (below(8) == 0) {
      return {.text = "null", .column = "null"};
    }
    if (below(16) == 0 && field.type != FieldType::json) {
      const std::string other =
          field.type == FieldType::record || field.type == FieldType::map ? "[]" : "{\"x\":[]}";
      return {.text = other, .column = "null", .misfit = true};
    }
    switch (field.type) {
      case FieldType::record:
        return object(field.fields, in_items);
      case FieldType::list:
      case FieldType::map:
        return items(field);
      case FieldType::boolean:
        return same("true");
      case FieldType::int64:
        return same(std::to_string(static_cast<std::int64_t>(random_()) >> below(63)));
      case FieldType::float64:
        return same(std::to_string(below(1000)) + ".5");
      case FieldType::date:
        return same("\"2026-11-30\"");
      case FieldType::json:
        return same(below(2) == 0 ? "[{},\"\\u0041\", -1.5e3]" : "\"\"");
      default:
        return same(below(2) == 0 ? "\"a\\n\\\"\"" : "\"plain\"");
    }
  }

  Made same(const std::string& text) { return {.text = text, .column = text}; }

  Made items(const Field& field) {
    const bool is_map = field.type == FieldType::map;
    Made made{.text = is_map ? "{" : "[", .column = is_map ? "{" : "["};
    for (std::uint64_t i = 0, count = below(4); i < count; ++i) {
      const Made item = value(field.fields.back(), true);
      const std::string key = is_map ? "\"k" + std::to_string(i) + "\":" : "";
      made.text += (i == 0 ? "" : " , ") + key + item.text;
      made.column += (i == 0 ? "" : ",") + key + item.column;
      made.misfit = made.misfit || item.misfit;
      made.stranger = made.stranger || item.stranger;
    }
    made.text += is_map ? "}" : "]";
    made.column += is_map ? "}" : "]";
    return made;
  }

  std::mt19937_64 random_;
};

TEST(JsonShredder, what_is_in_columns_and_what_is_rescued_is_what_went_in) {
  std::size_t rescued = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RandomJson random(seed);
    const std::vector<Field> fields = random.fields(0);
    JsonShredding shredding(fields);
    for (int i = 0; i < 20; ++i) {
      const RandomJson::Made made = random.object(fields, false);
      ASSERT_EQ(shredding.of(made.text), made.column + made.rescued) << made.text << "\nseed " << seed;
      ASSERT_FALSE(shredding.shredder->was_undecoded());
      rescued += made.rescued.empty() ? 0 : 1;
    }
  }
  EXPECT_GT(rescued, 1000U);
  EXPECT_LT(rescued, 7000U);
}

TEST(JsonShredder, what_counts_as_json_is_what_follows_its_grammar) {
  std::size_t good = 0;
  std::mt19937_64 random(1);
  const std::string signs = "{}[]\",:\\u 0e.-t\n\x01\x0c\x80";
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomJson maker(seed);
    const std::vector<Field> fields = maker.fields(0);
    JsonShredding shredding(fields);
    for (int i = 0; i < 30; ++i) {
      std::string text = maker.object(fields, false).text;
      for (std::uint64_t changes = random() % 3; changes > 0; --changes) {
        const std::size_t at = random() % text.size();
        const char sign = signs[random() % signs.size()];
        if (random() % 2 == 0) {
          text[at] = sign;
        } else {
          text.insert(at, 1, sign);
        }
      }
      const bool is_object = follows_json_grammar(text) && text[text.find_first_not_of(" \n")] == '{';
      shredding.of(text);
      ASSERT_EQ(shredding.shredder->was_undecoded(), !is_object) << text;
      good += is_object ? 1 : 0;
    }
  }
  EXPECT_GT(good, 3000U);
}

}  // namespace
}  // namespace penstock::codec
