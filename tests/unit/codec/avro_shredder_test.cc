#include "codec/avro_shredder.h"

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/varint.h"
#include "codec/avro_json.h"
#include "codec/avro_table.h"
#include "codec/json_grammar.h"
#include "codec/table_rules.h"
#include "unit/codec/row_assembly.h"

namespace penstock::codec {
namespace {

using std::string_literals::operator""s;

struct Shredding {
  std::shared_ptr<const AvroSchema> schema;
  std::unique_ptr<Shredder> shredder;

  explicit Shredding(const std::string& text)
      : schema(std::make_shared<const AvroSchema>(AvroSchema::parse(text).value())),
        shredder(make_avro_shredder(schema, table_of_avro(*schema).value())) {}

  // Into the table of another schema.
  Shredding(const std::string& text, const std::string& columns)
      : schema(std::make_shared<const AvroSchema>(AvroSchema::parse(text).value())) {
    Table table = table_of_avro(AvroSchema::parse(columns).value()).value();
    make_optional(table.fields);
    shredder = make_avro_shredder(schema, table_of_avro(*schema).value(),
                                  std::make_shared<const Table>(std::move(table)));
  }

  // The row, and what is rescued behind it.
  std::string of(std::string_view value) {
    const Row& row = shredder->shred(as_bytes(value));
    if (!row.rescued.empty()) {
      EXPECT_TRUE(follows_json_grammar(row.rescued)) << row.rescued;
    }
    return RowAssembly::json_of(shredder->table(), row) + row.rescued;
  }
};

std::string avro_record(const std::string& fields) {
  return R"({"type":"record","name":"R","fields":[)" + fields + "]}";
}

std::string avro_field(const std::string& name, const std::string& type) {
  return R"({"name":")" + name + R"(","type":)" + type + "}";
}

std::string avro_logical(const char* type, const char* name) {
  return std::string(R"({"type":")") + type + R"(","logicalType":")" + name + "\"}";
}

std::string avro_number(std::int64_t value) {
  char text[k_varint_bytes_max];
  return {text, put_zigzag(text, value)};
}

std::string avro_sized(std::string_view bytes) {
  return avro_number(static_cast<std::int64_t>(bytes.size())).append(bytes);
}

TEST(AvroShredder, the_worked_example) {
  Shredding order(
      avro_record(avro_field("id", "\"long\"") + "," + avro_field("note", R"(["null","string"])")));
  EXPECT_EQ(order.of("\x0e\x02\x04hi"), R"({"id":7,"note":"hi"})");
  EXPECT_EQ(order.of("\x0e\0"s), R"({"id":7,"note":null})");
  EXPECT_FALSE(order.shredder->was_undecoded());
}

TEST(AvroShredder, the_cells_of_a_list_are_those_of_the_seams_example) {
  Shredding order(avro_record(
      avro_field("id", "\"long\"") + "," +
      avro_field("lines", R"(["null",{"type":"array","items":["null",{"type":"record","name":"L","fields":[
        {"name":"sku","type":["null","string"]}]}]}])")));
  const std::string value = avro_number(7) + avro_number(1) + avro_number(2) + avro_number(1) +
                            avro_number(1) + avro_sized("a") + avro_number(1) + avro_number(0) +
                            avro_number(0);
  EXPECT_EQ(order.of(value), R"({"id":7,"lines":[{"sku":"a"},{"sku":null}]})");
  const Row& row = order.shredder->shred(as_bytes(value));
  ASSERT_EQ(row.cells.size(), 3U);
  EXPECT_EQ(row.cells[1].definition, 4);
  EXPECT_EQ(row.cells[1].repetition, 0);
  EXPECT_EQ(row.cells[2].definition, 3);
  EXPECT_EQ(row.cells[2].repetition, 1);
}

TEST(AvroShredder, a_value_that_is_not_of_the_schema_is_rescued_whole) {
  Shredding order(avro_record(avro_field("id", "\"long\"") + "," + avro_field("note", "\"string\"")));
  EXPECT_EQ(order.of("\x0e"),
            R"({"id":null,"note":null}{"_value_base64":"Dg==","_reason":"ends before its schema does"})");
  EXPECT_TRUE(order.shredder->was_undecoded());
  EXPECT_EQ(
      order.of("\x0e\x02z!"),
      R"({"id":null,"note":null}{"_value_base64":"DgJ6IQ==","_reason":"has bytes behind the end of its schema"})");
  EXPECT_EQ(order.of("\x0e\x02\xff"),
            R"({"id":null,"note":null}{"_value_base64":"DgL/","_reason":"has a string that is not UTF-8"})");
  EXPECT_EQ(order.of(""),
            R"({"id":null,"note":null}{"_value_base64":"","_reason":"ends before its schema does"})");
  EXPECT_EQ(order.of("\x0e\x02z"), R"({"id":7,"note":"z"})");
  EXPECT_FALSE(order.shredder->was_undecoded());
}

TEST(AvroShredder, times_and_decimals_that_no_column_holds_are_rescued_with_their_column) {
  Shredding order(avro_record(
      avro_field("until", avro_logical("long", "timestamp-millis")) + "," +
      avro_field(
          "sum",
          R"({"type":"record","name":"S","fields":[{"name":"x","type":{"type":"bytes","logicalType":"decimal",
        "precision":3,"scale":1}},{"name":"y","type":"int"}]})") +
      "," + avro_field("id", "\"int\"")));
  EXPECT_EQ(
      order.of(avro_number(253'402'300'799'999) + avro_sized("\x03\xe7") + avro_number(2) + avro_number(1)),
      R"({"until":"9999-12-31T23:59:59.999Z","sum":{"x":"99.9","y":2},"id":1})");
  EXPECT_EQ(
      order.of(avro_number(253'402'300'800'000) + avro_sized("\xfc\x19") + avro_number(2) + avro_number(1)),
      R"({"until":null,"sum":{"x":"-99.9","y":2},"id":1}{"until":"+010000-01-01T00:00:00.000Z"})");
  EXPECT_EQ(order.of(avro_number(INT64_MIN) + avro_sized("\x03\xe8") + avro_number(2) + avro_number(1)),
            R"({"until":null,"sum":null,"id":1})"
            R"({"until":"-292275055-05-16T16:47:04.192Z","sum":{"x":"100.0","y":2}})");
  EXPECT_FALSE(order.shredder->was_undecoded());
}

TEST(AvroShredder, an_array_of_nothings_does_not_make_cells_without_end) {
  Shredding nothings(avro_record(avro_field("a", R"({"type":"array","items":"null"})")));
  EXPECT_EQ(nothings.of(avro_number(3) + avro_number(0)), R"({"a":[null,null,null]})");
  EXPECT_EQ(nothings.of(avro_number(std::int64_t{1} << 40) + avro_number(0)),
            R"({"a":null}{"_value_base64":"gICAgIBAAA==","_reason":"has more items than a row can have"})");
  EXPECT_EQ(nothings.of(avro_number(0)), R"({"a":[]})");
}

TEST(AvroShredder, columns_of_json_do_not_grow_without_end_either) {
  const std::string nothings = R"(["string","int",{"type":"array","items":"null"}])";
  Shredding many(avro_record(avro_field("a", nothings) + "," + avro_field("b", nothings)));
  const std::string large = avro_number(2) + avro_number(900'000) + avro_number(0);
  EXPECT_EQ(many.of(large + avro_number(1) + avro_number(7)).size(),
            std::string(R"({"a":[],"b":7})").size() + 5 * 900'000 - 1);
  EXPECT_EQ(many.of(large + large).substr(0, 20), R"({"a":null,"b":null}{)");
  EXPECT_TRUE(many.shredder->was_undecoded());
}

TEST(AvroShredder, what_has_no_columns_is_json) {
  Shredding node(avro_record(avro_field("v", R"(["null","string","int"])") + "," +
                             avro_field("next", R"(["null","R"])") + "," + avro_field("n", "\"null\"") + "," +
                             avro_field("e", R"({"type":"record","name":"E","fields":[]})")));
  EXPECT_EQ(node.of(avro_number(1) + avro_sized("a\n") + avro_number(1) + avro_number(2) + avro_number(5) +
                    avro_number(0)),
            R"({"v":"a\n","next":{"v":5,"next":null,"n":null,"e":{}},"n":null,"e":{}})");
  EXPECT_EQ(node.of(avro_number(0) + avro_number(0)), R"({"v":null,"next":null,"n":null,"e":{}})");
}

TEST(AvroShredder, a_root_that_is_no_record_is_a_column) {
  Shredding root(R"({"type":"map","values":"int"})");
  EXPECT_EQ(root.of(avro_number(2) + avro_sized("a") + avro_number(1) + avro_sized("b") + avro_number(2) +
                    avro_number(0)),
            R"({"value":{"a":1,"b":2}})");
  EXPECT_EQ(root.of(avro_number(0)), R"({"value":{}})");
}

// Random schemas and values, held against what writes them as JSON

class RandomAvro {
 public:
  explicit RandomAvro(std::uint64_t seed) : random_(seed) {}

  std::string schema() { return record_type(0); }

  std::string value(const AvroSchema& schema) {
    schema_ = &schema;
    bytes_.clear();
    append(schema.root(), 0);
    return bytes_;
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  std::string type(int depth) {
    static const std::vector<std::string> k_plain{
        "\"boolean\"",
        "\"int\"",
        "\"long\"",
        "\"float\"",
        "\"double\"",
        "\"bytes\"",
        "\"string\"",
        "\"null\"",
        avro_logical("int", "date"),
        avro_logical("int", "time-millis"),
        avro_logical("long", "time-micros"),
        avro_logical("long", "timestamp-millis"),
        avro_logical("long", "timestamp-micros"),
        avro_logical("long", "timestamp-nanos"),
        avro_logical("long", "local-timestamp-millis"),
        avro_logical("long", "local-timestamp-micros"),
        R"({"type":"bytes","logicalType":"decimal","precision":38,"scale":6})",
        R"({"type":"bytes","logicalType":"decimal","precision":60,"scale":6})",
    };
    if (depth > 4 || below(2) == 0) {
      return k_plain[below(k_plain.size())];
    }
    const std::string name = "N" + std::to_string(++names_);
    switch (below(8)) {
      case 0:
        return R"({"type":"array","items":)" + type(depth + 1) + "}";
      case 1:
        return R"({"type":"map","values":)" + type(depth + 1) + "}";
      case 2:
        return R"({"type":"enum","name":")" + name + R"(","symbols":["a","b\"c","d"]})";
      case 3:
        return R"({"type":"fixed","name":")" + name + R"(","size":12,"logicalType":"duration"})";
      case 4:
        return R"(["null",)" + record_type(depth + 1) + "]";
      case 5:
        return R"(["string","null",{"type":"array","items":)" + type(depth + 1) + "}]";
      case 6:
        return R"([{"type":"array","items":)" + type(depth + 1) + "},\"null\"]";
      default:
        return record_type(depth + 1);
    }
  }

  std::string record_type(int depth) {
    const std::string name = "R" + std::to_string(++names_);
    std::string fields;
    for (std::uint64_t i = 0, count = below(5); i < count || depth == 0; ++i) {
      fields += (i == 0 ? "" : ",") + avro_field("f" + std::to_string(i), type(depth));
      if (i > count) {
        break;
      }
    }
    if (depth > 0 && below(4) == 0) {
      fields += (fields.empty() ? "" : ",") + avro_field("self", "[\"null\",\"" + name + "\"]");
    }
    return R"({"type":"record","name":")" + name + R"(","fields":[)" + fields + "]}";
  }

  void append_long(std::int64_t value) { bytes_ += avro_number(value); }

  void append_bytes(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      bytes_ += static_cast<char>(below(256));
    }
  }

  void append_text() {
    static const std::vector<std::string> k_texts{
        "",   "a", "\"\\\n\x7f\x01", "\xc3\xa4\xf0\x9f\x98\x80", "0123456789012345678901234567890123456789",
        "key"};
    bytes_ += avro_sized(k_texts[below(k_texts.size())]);
  }

  void append_items(const AvroSchema::Node& node, int depth) {
    for (std::uint64_t blocks = below(3); blocks > 0; --blocks) {
      const std::uint64_t count = 1 + below(3);
      std::string before;
      std::swap(before, bytes_);
      for (std::uint64_t i = 0; i < count; ++i) {
        if (node.type == AvroType::map) {
          append_text();
        }
        append(schema_->node_of(schema_->part(node, 0)), depth + 1);
      }
      std::swap(before, bytes_);
      const auto signed_count = static_cast<std::int64_t>(count);
      bytes_ += below(2) == 0
                    ? avro_number(signed_count)
                    : avro_number(-signed_count) + avro_number(static_cast<std::int64_t>(before.size()));
      bytes_ += before;
    }
    append_long(0);
  }

  void append(const AvroSchema::Node& node, int depth) {
    switch (node.type) {
      case AvroType::null:
        return;
      case AvroType::boolean:
        bytes_ += static_cast<char>(below(2));
        return;
      case AvroType::float32:
      case AvroType::float64: {
        const double real = below(9) == 0 ? 1.0 / 0.0 : static_cast<double>(below(1000)) / 8;
        const auto single = static_cast<float>(real);
        bytes_ += node.type == AvroType::float64 ? std::string(reinterpret_cast<const char*>(&real), 8)
                                                 : std::string(reinterpret_cast<const char*>(&single), 4);
        return;
      }
      case AvroType::bytes: {
        const std::size_t size = below(40);
        append_long(static_cast<std::int64_t>(size));
        return append_bytes(size);
      }
      case AvroType::decimal: {
        const std::size_t size = below(20);
        append_long(static_cast<std::int64_t>(size));
        return append_bytes(size);
      }
      case AvroType::text:
        return append_text();
      case AvroType::record:
        for (std::uint32_t i = 0; i < node.count; ++i) {
          append(schema_->node_of(schema_->part(node, i)), depth + 1);
        }
        return;
      case AvroType::symbols:
        return append_long(static_cast<std::int64_t>(below(node.count)));
      case AvroType::array:
      case AvroType::map:
        return depth > 10 ? append_long(0) : append_items(node, depth);
      case AvroType::choice: {
        std::uint64_t branch = below(node.count);
        for (std::uint64_t i = 0; depth > 10 && i < node.count; ++i) {
          branch = schema_->node_of(schema_->part(node, i)).type == AvroType::null ? i : branch;
        }
        append_long(static_cast<std::int64_t>(branch));
        return append(schema_->node_of(schema_->part(node, branch)), depth + 1);
      }
      case AvroType::duration:
        return append_bytes(12);
      case AvroType::int32:
      case AvroType::date:
        return append_long(static_cast<std::int32_t>(random_()) >> below(30));
      case AvroType::time_millis:
      case AvroType::time_micros:
        return append_long(static_cast<std::int64_t>(below(86'400'000)));
      default:
        return append_long(static_cast<std::int64_t>(random_()) >> below(62));
    }
  }

  std::mt19937_64 random_;
  int names_ = 0;
  const AvroSchema* schema_ = nullptr;
  std::string bytes_;
};

// The members at the top of an object, in order, as they stand there.
std::vector<std::pair<std::string, std::string>> members_of(const std::string& object) {
  std::vector<std::pair<std::string, std::string>> members;
  std::size_t depth = 0;
  bool in_string = false;
  std::size_t begins = 1;
  std::size_t colon = 0;
  for (std::size_t i = 0; i < object.size(); ++i) {
    const char c = object[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
      continue;
    }
    in_string = c == '"';
    depth += c == '{' || c == '[' ? 1 : 0;
    if (depth == 1 && c == ':' && colon < begins) {
      colon = i;
    }
    if (depth == 1 && (c == ',' || c == '}') && colon > begins) {
      members.emplace_back(object.substr(begins, colon - begins), object.substr(colon + 1, i - colon - 1));
      begins = i + 1;
    }
    depth -= c == '}' || c == ']' ? 1 : 0;
  }
  return members;
}

TEST(AvroShredder, what_is_in_columns_and_what_is_rescued_is_what_went_in) {
  std::vector<std::byte> room(std::size_t{1} << 20);
  std::size_t rescued_rows = 0;
  std::size_t decoded_rows = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomAvro random(seed);
    const std::string text = random.schema();
    const Result<AvroSchema> parsed = AvroSchema::parse(text);
    ASSERT_TRUE(parsed.ok()) << text << parsed.error().message;
    Shredding shredding(text);
    for (int i = 0; i < 20; ++i) {
      const std::string value = random.value(*parsed);
      const AvroJson json = write_avro_json(*parsed, as_bytes(value), room);
      ASSERT_EQ(json.fault, AvroFault::none) << to_string(json.fault) << text;
      const Row& row = shredding.shredder->shred(as_bytes(value));
      ASSERT_FALSE(shredding.shredder->was_undecoded()) << row.rescued;
      const std::vector<std::pair<std::string, std::string>> rescued = members_of(row.rescued);
      std::vector<std::pair<std::string, std::string>> columns =
          members_of(RowAssembly::json_of(shredding.shredder->table(), row));
      std::size_t at = 0;
      for (auto& [name, column] : columns) {
        if (at < rescued.size() && rescued[at].first == name) {
          ASSERT_EQ(column, "null") << name;
          column = rescued[at++].second;
        }
      }
      ASSERT_EQ(at, rescued.size()) << row.rescued;
      ASSERT_EQ(columns, members_of(std::string(as_text(Bytes(room).first(json.bytes)))))
          << text << "\nseed " << seed;
      ++decoded_rows;
      rescued_rows += rescued.empty() ? 0 : 1;
      const Row& cut = shredding.shredder->shred(as_bytes(value).first(value.size() / 2));
      RowAssembly::json_of(shredding.shredder->table(), cut);
    }
  }
  EXPECT_GT(rescued_rows, 100U);
  EXPECT_GT(decoded_rows, 2 * rescued_rows);
}

TEST(AvroShredder, fields_find_the_columns_of_another_version_by_their_names) {
  const std::string line_of_two = R"({"type":"record","name":"L","fields":[)" +
                                  avro_field("sku", "\"string\"") + "," + avro_field("n", "\"int\"") + "]}";
  const std::string line_of_three = R"({"type":"record","name":"L","fields":[)" +
                                    avro_field("at", "\"string\"") + "," + avro_field("n", "\"int\"") + "," +
                                    avro_field("sku", "\"string\"") + "]}";
  const std::string list = R"({"type":"array","items":)";
  const std::string map = R"({"type":"map","values":)";
  Shredding old(
      avro_record(avro_field("note", "\"string\"") + "," + avro_field("lines", list + line_of_two + "}") +
                  "," + avro_field("rates", map + "\"int\"}") + "," + avro_field("id", "\"int\"")),
      avro_record(avro_field("id", "\"int\"") + "," + avro_field("tags", list + "\"string\"}") + "," +
                  avro_field("lines", list + line_of_three + "}") + "," +
                  avro_field("rates", map + "\"int\"}") + "," + avro_field("note", "\"string\"")));
  const std::string value = avro_sized("hi") + avro_number(2) + avro_sized("a") + avro_number(1) +
                            avro_sized("b") + avro_number(2) + avro_number(0) + avro_number(1) +
                            avro_sized("EUR") + avro_number(5) + avro_number(0) + avro_number(7);
  EXPECT_EQ(old.of(value),
            R"({"id":7,"tags":null,"lines":[{"at":null,"n":1,"sku":"a"},{"at":null,"n":2,"sku":"b"}],)"
            R"("rates":{"EUR":5},"note":"hi"})");
  EXPECT_FALSE(old.shredder->was_in_conflict());
  EXPECT_EQ(
      old.of(value + "x"),
      R"({"id":null,"tags":null,"lines":null,"rates":null,"note":null})"
      R"({"_value_base64":"BGhpBAJhAgJiBAACBkVVUgoADng=","_reason":"has bytes behind the end of its schema"})");
  EXPECT_FALSE(old.shredder->was_in_conflict());
}

TEST(AvroShredder, numbers_that_a_narrower_column_of_another_version_holds_are_in_it) {
  const std::string column = avro_record(avro_field("i", "\"int\"") + "," + avro_field("f", "\"float\""));
  Shredding wide(avro_record(avro_field("i", "\"long\"") + "," + avro_field("f", "\"double\"")), column);
  const auto value = [](std::int64_t number, double real) {
    std::string text = avro_number(number);
    return text.append(reinterpret_cast<const char*>(&real), sizeof real);
  };
  EXPECT_EQ(wide.of(value(2'147'483'647, 0.5)), R"({"i":2147483647,"f":0.5})");
  EXPECT_FALSE(wide.shredder->was_in_conflict());
  EXPECT_EQ(
      wide.of(value(2'147'483'648, -1)),
      R"({"i":null,"f":-1.0}{"i":2147483648,"_reason":"has fields that their columns cannot take: i"})");
  EXPECT_TRUE(wide.shredder->was_in_conflict());
  EXPECT_EQ(wide.of(value(-2'147'483'649, 0.1)),
            R"({"i":null,"f":null}{"i":-2147483649,"f":0.1,)"
            R"("_reason":"has fields that their columns cannot take: i, f"})");
  EXPECT_EQ(wide.of(value(1, 1e300)),
            R"({"i":1,"f":null}{"f":1e+300,"_reason":"has fields that their columns cannot take: f"})");
  EXPECT_EQ(wide.of(value(1, 2)), R"({"i":1,"f":2.0})");
  EXPECT_FALSE(wide.shredder->was_in_conflict());

  Shredding narrow(column, avro_record(avro_field("f", "\"double\"") + "," + avro_field("i", "\"long\"")));
  const float real = 0.25F;
  EXPECT_EQ(narrow.of(avro_number(-3).append(reinterpret_cast<const char*>(&real), sizeof real)),
            R"({"f":0.25,"i":-3})");
}

TEST(AvroShredder, decimals_are_held_against_the_column_of_another_version) {
  const auto decimal = [](int precision) {
    return avro_record(avro_field("sum", R"({"type":"bytes","logicalType":"decimal","precision":)" +
                                             std::to_string(precision) + R"(,"scale":1})"));
  };
  Shredding wide(decimal(9), decimal(3));
  EXPECT_EQ(wide.of(avro_sized("\x03\xe7")), R"({"sum":"99.9"})");
  EXPECT_EQ(wide.of(avro_sized("\x03\xe8")),
            R"({"sum":null}{"sum":"100.0","_reason":"has fields that their columns cannot take: sum"})");
  EXPECT_TRUE(wide.shredder->was_in_conflict());
  Shredding narrow(decimal(3), decimal(9));
  EXPECT_EQ(narrow.of(avro_sized("\x03\xe7")), R"({"sum":"99.9"})");
  EXPECT_EQ(narrow.of(avro_sized("\x03\xe8")), R"({"sum":null}{"sum":"100.0"})");
  EXPECT_FALSE(narrow.shredder->was_in_conflict());
}

TEST(AvroShredder, a_field_of_another_type_than_its_column_is_rescued_with_the_reason) {
  Shredding other(
      avro_record(avro_field("id", "\"long\"") + "," + avro_field("total", R"(["null","string"])") + "," +
                  avro_field("code", "\"int\"")),
      avro_record(avro_field("total", "\"long\"") + "," + avro_field("id", "\"long\"") + "," +
                  avro_field("CODE", "\"int\"")));
  EXPECT_EQ(other.of("\x0e\x02\x04hi\x02"),
            R"({"total":null,"id":7,"CODE":null}{"total":"hi","code":1,)"
            R"("_reason":"has fields that their columns cannot take: total, code"})");
  EXPECT_TRUE(other.shredder->was_in_conflict());
  EXPECT_EQ(other.of("\x0e\x00\x02"s), R"({"total":null,"id":7,"CODE":null}{"code":1,)"
                                       R"("_reason":"has fields that their columns cannot take: code"})");
}

TEST(AvroShredder, the_fields_of_a_record_are_in_its_column_and_the_others_are_null) {
  const auto order = std::make_shared<const AvroSchema>(
      AvroSchema::parse(avro_record(avro_field("id", "\"long\"") + "," +
                                    avro_field("tags", R"({"type":"array","items":"string"})")))
          .value());
  const Table written = table_of_avro(*order).value();
  Table table =
      table_of_avro(
          AvroSchema::parse(
              avro_record(
                  avro_field("Before", avro_logical("long", "timestamp-millis")) + "," +
                  avro_field(
                      "Order",
                      R"({"type":"record","name":"O","fields":[{"name":"gone","type":"int"},)"
                      R"({"name":"id","type":"int"},{"name":"tags","type":{"type":"array","items":"string"}}]})") +
                  "," + avro_field("After", R"({"type":"map","values":"int"})")))
              .value())
          .value();
  make_optional(table.fields);
  const auto shredder = make_avro_shredder(order, written, std::make_shared<const Table>(table), "Order");
  const auto row_of = [&](const std::string& value) {
    const Row& row = shredder->shred(as_bytes(value));
    return RowAssembly::json_of(shredder->table(), row) + row.rescued;
  };
  EXPECT_EQ(row_of(avro_number(7) + avro_number(1) + avro_sized("a") + avro_number(0)),
            R"({"Before":null,"Order":{"gone":null,"id":7,"tags":["a"]},"After":null})");
  EXPECT_EQ(row_of(avro_number(std::int64_t{1} << 40) + avro_number(0)),
            R"({"Before":null,"Order":{"gone":null,"id":null,"tags":[]},"After":null})"
            R"({"id":1099511627776,"_reason":"has fields that their columns cannot take: id"})");
  EXPECT_TRUE(shredder->was_in_conflict());
  EXPECT_EQ(row_of(avro_number(7)), R"({"Before":null,"Order":null,"After":null})"
                                    R"({"_value_base64":"Dg==","_reason":"ends before its schema does"})");
  EXPECT_TRUE(shredder->was_undecoded());

  // A table without the column, and some where something else is called so.
  const auto rescued_by = [&](const std::string& other) {
    Table without = table_of_avro(AvroSchema::parse(avro_record(other)).value()).value();
    const auto rescuing =
        make_avro_shredder(order, written, std::make_shared<const Table>(std::move(without)), "Order");
    const std::string rescued = rescuing->shred(as_bytes(avro_number(7) + avro_number(0))).rescued;
    EXPECT_TRUE(rescuing->was_in_conflict());
    return rescued;
  };
  EXPECT_EQ(
      rescued_by(avro_field("After", "\"int\"")),
      R"({"id":7,"tags":[],"_reason":"table-full: has fields for which there are no more columns: id, tags"})");
  for (const char* const name : {"Order", "ORDER"}) {
    EXPECT_EQ(rescued_by(avro_field(name, "\"int\"")),
              R"({"id":7,"tags":[],"_reason":"has fields that their columns cannot take: id, tags"})");
  }
}

TEST(AvroShredder, a_field_that_a_full_table_has_no_column_for_has_a_reason_of_its_own) {
  Shredding full(avro_record(avro_field("id", "\"long\"") + "," + avro_field("total", "\"int\"") + "," +
                             avro_field("new", "\"int\"")),
                 avro_record(avro_field("id", "\"long\"") + "," + avro_field("total", "\"string\"")));
  EXPECT_EQ(full.of("\x0e\x02\x04"), R"({"id":7,"total":null}{"total":1,"new":2,)"
                                     R"("_reason":"has fields that their columns cannot take: total; )"
                                     R"(table-full: has fields for which there are no more columns: new"})");
  EXPECT_TRUE(full.shredder->was_in_conflict());
  EXPECT_EQ(full.shredder->shred_narrow(as_bytes("\x0e\x02\x04"), Shredder::Narrow::json), nullptr);
}

TEST(AvroShredder, a_list_with_columns_of_other_versions_can_be_left_out) {
  const auto order = [](const std::string& fields) {
    return avro_record(
        avro_field("id", "\"long\"") + "," +
        avro_field("lines",
                   R"({"type":"array","items":{"type":"record","name":"L","fields":[)" + fields + "]}}"));
  };
  Shredding lines(order(avro_field("n", "\"int\"")),
                  order(avro_field("n", "\"int\"") + "," + avro_field("more", "\"int\"")));
  const std::string value("\x0e\x04\x02\x04\x00", 5);
  EXPECT_EQ(lines.of(value), R"({"id":7,"lines":[{"n":1,"more":null},{"n":2,"more":null}]})");
  const Row* narrow = lines.shredder->shred_narrow(as_bytes(value), Shredder::Narrow::json);
  ASSERT_NE(narrow, nullptr);
  const std::string reason = R"("_reason":"has fields that would become too large in columns: lines"})";
  EXPECT_EQ(narrow->rescued, R"({"lines":[{"n":1},{"n":2}],)" + reason);
  EXPECT_EQ(narrow->cells.size(), 3U);
  EXPECT_TRUE(lines.shredder->was_in_conflict());
  narrow = lines.shredder->shred_narrow(as_bytes(value), Shredder::Narrow::bytes);
  EXPECT_EQ(narrow->rescued,
            R"({"lines":{"_value_base64":"BAIEAA==","_reason":"would become too large as JSON"},)" + reason);
}

}  // namespace
}  // namespace penstock::codec
