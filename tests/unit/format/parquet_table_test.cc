#include "format/parquet_table.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/parquet_table_encoder.h"
#include "unit/codec/random_table.h"
#include "unit/format/parquet_file.h"

namespace penstock::format {
namespace {

namespace parquet = codec::parquet;
using codec::Compression;
using codec::FieldType;
using codec::RandomShredder;
using codec::Table;
using codec::TableRandom;
using testing::HasSubstr;

// A cell with its levels and its value, as PLAIN has it where it is no text.
struct ReadCell {
  unsigned repetition = 0;
  unsigned definition = 0;
  std::optional<std::string> value;

  friend bool operator==(const ReadCell&, const ReadCell&) = default;
  friend void PrintTo(const ReadCell& cell, std::ostream* out) {
    *out << cell.repetition << ' ' << cell.definition << ' ' << cell.value.value_or("-");
  }
};
using Columns = std::vector<std::vector<ReadCell>>;

std::string real_text(double real) {
  return "r" + std::to_string(std::bit_cast<std::uint64_t>(real));
}

struct ReadFile {
  std::string fault;
  parquet::Footer footer;
  Columns columns;
  std::map<std::pair<std::size_t, parquet::Encoding>, std::size_t> pages;
};

ReadFile read_file(Bytes file, std::size_t piece = 8'192) {
  ReadFile read;
  const Result<std::uint64_t> bytes =
      parquet::footer_bytes(file.last(std::min(file.size(), parquet::k_tail_bytes)), file.size());
  if (!bytes.ok()) {
    read.fault = bytes.error().message;
    return read;
  }
  Result<parquet::Footer> footer =
      parquet::read_footer(file.last(static_cast<std::size_t>(*bytes)), file.size());
  if (!footer.ok()) {
    read.fault = footer.error().message;
    return read;
  }
  read.footer = std::move(footer).value();
  read.columns.resize(read.footer.schema.size());
  parquet::PageReader reader(read.footer);
  const auto take = [&read](const parquet::Page& page) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < page.present.size(); ++i) {
      ReadCell& cell = read.columns[page.column].emplace_back();
      cell.repetition = page.repetitions.empty() ? 0 : page.repetitions[i];
      cell.definition = page.definitions.empty() ? 0 : page.definitions[i];
      if (page.present[i]) {
        cell.value = !page.texts.empty()   ? std::string(page.texts[next])
                     : !page.reals.empty() ? real_text(page.reals[next])
                                           : std::to_string(page.numbers[next]);
        ++next;
      }
    }
  };
  for (std::size_t at = 0; at < file.size() && read.fault.empty(); at += piece) {
    const Result<void> fed = reader.feed(file.subspan(at, std::min(piece, file.size() - at)), take);
    read.fault = fed.ok() ? std::string() : fed.error().message;
  }
  if (const Result<void> end = reader.end(); read.fault.empty() && !end.ok()) {
    read.fault = end.error().message;
  }
  return read;
}

std::shared_ptr<const ShreddedValues> made_up(const Table& table) {
  auto values = std::make_shared<ShreddedValues>();
  values->make_shredder = [table](const auto& /*room*/) { return std::make_unique<RandomShredder>(table); };
  return values;
}

// What a file of these values must have in the columns of the table and in `_rescued`.
class Expected {
 public:
  explicit Expected(const Table& table)
      : table_(table), schema_(parquet::columns_of(table)), columns_(schema_.size() + 1) {}

  void add(const std::optional<std::string>& value) {
    const std::vector<codec::MadeValue> values =
        value ? RandomShredder::values_of(table_, *value) : std::vector<codec::MadeValue>();
    std::vector<codec::Cell> cells;
    codec::CellMaker(cells).add_row(table_, values);
    for (const codec::Cell& cell : cells) {
      ReadCell& expected = columns_[cell.leaf].emplace_back();
      expected.repetition = cell.repetition;
      expected.definition = cell.definition;
      const parquet::Column& column = schema_[cell.leaf];
      if (cell.definition == column.definition_max()) {
        expected.value = text_of(column, cell);
      }
    }
    ReadCell& rescued = columns_.back().emplace_back();
    if (values.empty()) {
      rescued.definition = 1;
      rescued.value = value ? RandomShredder::rescued_of(*value) : R"({"_value":null})";
      undecoded_ += value ? 1 : 0;
    }
  }

  const Columns& columns() const { return columns_; }
  std::size_t undecoded() const { return undecoded_; }

 private:
  static std::string text_of(const parquet::Column& column, const codec::Cell& cell) {
    switch (column.type) {
      case parquet::Type::byte_array:
        return {cell.text, cell.bytes};
      case parquet::Type::fixed:
        return {cell.text + 16 - column.length, column.length};
      case parquet::Type::float32:
      case parquet::Type::float64:
        return real_text(cell.real);
      default:
        return std::to_string(cell.number);
    }
  }

  Table table_;
  parquet::Schema schema_;
  Columns columns_;
  std::size_t undecoded_ = 0;
};

struct MadeFile {
  std::vector<std::byte> file;
  Columns columns;
};

MadeFile make_file(const Table& table, std::size_t rows, Compression compression, bool is_short,
                   std::size_t output_bytes = 1 << 20) {
  ParquetShared shared;
  shared.held_bytes = is_short ? ParquetShared::k_held_bytes_max : 0;
  ParquetFileMaker maker(compression, shared, 64 * 1024, output_bytes, made_up(table));
  Expected expected(table);
  TableRandom random(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    std::optional<std::string> value;
    if (!codec::one_in(random, 30)) {
      value = codec::seeded_value(random());
    }
    maker.add(Partition{0}, record_at(static_cast<std::int64_t>(row), value));
    expected.add(value);
  }
  MadeFile made{.file = maker.end(), .columns = expected.columns()};
  EXPECT_EQ(maker.undecoded(), expected.undecoded());
  EXPECT_GT(maker.undecoded() + (rows < 200 ? 1 : 0), 0U);
  return made;
}

void expect_columns(const ReadFile& read, const Columns& expected) {
  ASSERT_EQ(read.fault, "");
  ASSERT_EQ(read.columns.size(), expected.size() + 7);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(read.columns[i], expected[i]) << read.footer.schema[i].name;
  }
}

class ParquetTableTest : public testing::TestWithParam<Compression> {};

TEST_P(ParquetTableTest, every_cell_of_tables_by_chance_is_read_back) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    TableRandom random(seed);
    const Table table = codec::random_table(random, 1 + random() % 8);
    const MadeFile made =
        make_file(table, 40 + random() % 400, GetParam(), seed % 2 == 0, seed % 3 == 0 ? 7 : 5'000);
    const ReadFile read = read_file(made.file);
    expect_columns(read, made.columns);
    EXPECT_EQ(read.footer.schema, parquet_table_schema(table));
  }
}

TEST_P(ParquetTableTest, a_damaged_byte_is_found) {
  TableRandom random(21);
  const Table table = codec::random_table(random, 6);
  const std::vector<std::byte> file = make_file(table, 30, GetParam(), false).file;
  const ReadFile good = read_file(file);
  ASSERT_EQ(good.fault, "");
  for (std::size_t at = 0; at < file.size(); at += 7) {
    std::vector<std::byte> damaged = file;
    damaged[at] ^= std::byte{0x10};
    const ReadFile read = read_file(damaged);
    EXPECT_TRUE(!read.fault.empty() || read.footer.schema != good.footer.schema) << at;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ParquetTableTest,
                         testing::Values(Compression::none, Compression::snappy, Compression::zstd),
                         [](const auto& each) { return std::string(codec::to_string(each.param)); });

// Shreds nothing: each value is one text, with the value in it.
class OneColumn final : public codec::Shredder {
 public:
  explicit OneColumn(FieldType type) {
    table_.fields.push_back({.name = "only", .type = type, .precision = 38});
  }
  const Table& table() const override { return table_; }
  const codec::Row& shred(Bytes value) override {
    row_.cells.assign(1, codec::Cell());
    codec::Cell& cell = row_.cells.front();
    cell.definition = 1;
    cell.bytes = static_cast<std::uint32_t>(value.size());
    cell.text = as_text(value).data();
    return row_;
  }
  bool was_undecoded() const override { return false; }

 private:
  Table table_;
  codec::Row row_;
};

ReadFile file_of(const std::vector<std::string>& values, FieldType type = FieldType::text,
                 codec::SchemaFraming framing = codec::SchemaFraming::none,
                 std::size_t* undecoded = nullptr) {
  auto shredded = std::make_shared<ShreddedValues>();
  shredded->make_shredder = [type](const auto& /*room*/) { return std::make_unique<OneColumn>(type); };
  shredded->framing = framing;
  ParquetShared shared;
  std::vector<std::byte> file;
  {
    ParquetFileMaker maker(Compression::none, shared, 64 * 1024, 1'000, shredded);
    std::int64_t offset = 0;
    for (const std::string& value : values) {
      maker.add(Partition{0}, record_at(offset++, value));
    }
    file = maker.end();
    if (undecoded != nullptr) {
      *undecoded = maker.undecoded();
    }
  }
  EXPECT_EQ(shared.held_bytes, 0U);
  return read_file(file);
}

std::vector<std::string> texts_of(const ReadFile& read, std::size_t column) {
  std::vector<std::string> texts;
  for (const ReadCell& cell : read.columns.at(column)) {
    texts.push_back(cell.value.value_or("-"));
  }
  return texts;
}

TEST(ParquetTableValuesTest, a_dictionary_is_made_where_it_helps_and_given_up_where_it_is_full) {
  std::vector<std::string> few;
  std::vector<std::string> many;
  std::vector<std::string> all;
  for (int i = 0; i < 30'000; ++i) {
    few.push_back("state-" + std::to_string(i % 9));
    many.push_back("unique-" + std::to_string(i));
    all.push_back(i < 22'000 ? few.back() : many.back() + std::string(20, 'x'));
  }
  const ReadFile helped = file_of(few);
  const ReadFile useless = file_of(many);
  const ReadFile full = file_of(all);
  EXPECT_EQ(texts_of(helped, 0), few);
  EXPECT_EQ(texts_of(useless, 0), many);
  EXPECT_EQ(texts_of(full, 0), all);
  const auto chunk = [](const ReadFile& read) { return read.footer.groups.at(0).chunks.at(0); };
  EXPECT_TRUE(chunk(helped).dictionary_offset.has_value());
  EXPECT_LT(chunk(helped).stored_bytes, 30'000U);
  EXPECT_FALSE(chunk(useless).dictionary_offset.has_value());
  EXPECT_TRUE(chunk(full).dictionary_offset.has_value());
  EXPECT_GT(chunk(full).stored_bytes, 8'000U * 30);
}

TEST(ParquetTableValuesTest, rows_that_are_larger_than_a_slab_are_taken_apart_whole) {
  const std::vector<std::string> values{
      "a", std::string(200'000, 'b'), "", std::string(64 * 1024, 'c'), std::string(1'000'000, 'd'), "e"};
  const ReadFile read = file_of(values);
  ASSERT_EQ(read.fault, "");
  EXPECT_EQ(texts_of(read, 0), values);
}

TEST(ParquetTableValuesTest, a_value_without_its_framing_is_rescued_and_counted) {
  const std::string framed = std::string("\0\0\0\0\7", 5) + "avro";
  std::size_t undecoded = 0;
  const ReadFile read =
      file_of({framed, "{}", "\xff"}, FieldType::text, codec::SchemaFraming::confluent, &undecoded);
  ASSERT_EQ(read.fault, "");
  EXPECT_EQ(texts_of(read, 0), (std::vector<std::string>{"avro", "-", "-"}));
  const std::string reason =
      R"("_reason":"does not begin with an id of Confluent's registry, and no header has one"})";
  EXPECT_EQ(texts_of(read, 1), (std::vector<std::string>{"-", R"({"_value":"{}",)" + reason,
                                                         R"({"_value_base64":"/w==",)" + reason}));
  EXPECT_EQ(undecoded, 2U);
}

TEST(ParquetTableValuesTest, a_text_that_is_not_utf8_is_found_by_the_reader) {
  EXPECT_THAT(file_of({"\xff"}).fault, HasSubstr("has a text that is not UTF-8 (row group 0, column only"));
  EXPECT_EQ(file_of({"\xff"}, FieldType::bytes).fault, "");
}

// A list of two zeros for each byte of the value: each becomes 8 bytes, and levels.
class Inflating final : public codec::Shredder {
 public:
  Inflating() {
    table_.fields.push_back({.name = "zeros",
                             .type = FieldType::list,
                             .fields = {{.name = "element", .type = FieldType::float64}}});
  }
  const Table& table() const override { return table_; }
  const codec::Row& shred(Bytes value) override {
    row_.cells.clear();
    for (std::size_t i = 0; i < 2 * value.size(); ++i) {
      codec::Cell cell;
      cell.repetition = i == 0 ? 0 : 1;
      cell.definition = 3;
      cell.real = 0;
      row_.cells.push_back(cell);
    }
    return row_;
  }
  bool was_undecoded() const override { return false; }

 private:
  Table table_;
  codec::Row row_;
};

TEST(ParquetTableValuesTest, a_value_that_becomes_too_large_is_rescued) {
  auto shredded = std::make_shared<ShreddedValues>();
  shredded->make_shredder = [](const auto& /*room*/) { return std::make_unique<Inflating>(); };
  ParquetShared shared;
  ParquetFileMaker maker(Compression::none, shared, 64 * 1024, 1'000, shredded);
  maker.add(Partition{0}, record_at(0, std::string(20, '0')));
  maker.add(Partition{0}, record_at(1, std::string(1'000, '0')));
  const ReadFile read = read_file(maker.end());
  ASSERT_EQ(read.fault, "");
  EXPECT_EQ(read.columns[0].size(), 41U);
  EXPECT_EQ(read.columns[1].at(1).value,
            R"({"_value":")" + std::string(1'000, '0') +
                R"(","_reason":"would become more than eight times as large in columns"})");
  EXPECT_EQ(maker.undecoded(), 1U);
}

TEST(ParquetTableMemoryTest, what_many_files_hold_together_is_bounded_and_given_back) {
  TableRandom random(5);
  Table table;
  for (int i = 0; i < 20; ++i) {
    table.fields.push_back(
        {.name = "f" + std::to_string(i), .type = i % 2 == 0 ? FieldType::int64 : FieldType::text});
  }
  ParquetShared shared;
  std::vector<std::unique_ptr<ParquetFileMaker>> files;
  for (int i = 0; i < 60; ++i) {
    files.push_back(
        std::make_unique<ParquetFileMaker>(Compression::zstd, shared, 64 * 1024, 1 << 20, made_up(table)));
  }
  std::size_t most = 0;
  for (std::int64_t round = 0; round < 250; ++round) {
    for (const auto& file : files) {
      file->add(Partition{0}, record_at(round, codec::seeded_value(random())));
      most = std::max(most, shared.held_bytes);
    }
  }
  EXPECT_LE(most, ParquetShared::k_held_bytes_max + (1 << 20));
  for (const auto& file : files) {
    ASSERT_EQ(read_file(file->end()).fault, "");
  }
  files.clear();
  EXPECT_EQ(shared.held_bytes, 0U);
  EXPECT_EQ(shared.held(), 0U);
}

TEST(EmptyParquetTable, a_file_without_records_has_the_columns_of_the_table) {
  TableRandom random(3);
  const Table table = codec::random_table(random, 5);
  const std::shared_ptr<const ShreddedValues> values = made_up(table);
  const ReadFile read = read_file(empty_file({.rows = RowFormat::parquet}, values.get()));
  EXPECT_EQ(read.fault, "");
  EXPECT_EQ(read.footer.schema, parquet_table_schema(table));
}

}  // namespace
}  // namespace penstock::format
