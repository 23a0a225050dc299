#include "format/row_growth.h"

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/parquet_encodings.h"
#include "codec/parquet_schema.h"

namespace penstock::format {
namespace {

namespace parquet = codec::parquet;
using codec::Cell;
using codec::Field;
using codec::FieldType;
using codec::Row;

const codec::Table k_lists{
    .fields = {
        {.name = "id", .type = FieldType::int64},
        {.name = "lines",
         .type = FieldType::list,
         .fields = {
             {.name = "element",
              .type = FieldType::record,
              .fields = {{.name = "n", .type = FieldType::int32},
                         {.name = "tags", .type = FieldType::list, .fields = {{.name = "element"}}}}}}}}};

Cell cell(std::uint16_t leaf, std::uint8_t repetition, std::uint8_t definition) {
  Cell made;
  made.leaf = leaf;
  made.repetition = repetition;
  made.definition = definition;
  return made;
}

RowGrowth growth_of(const codec::Table& table) {
  RowGrowth growth;
  for (const parquet::Column& column : parquet::columns_of(table)) {
    growth.add(column);
  }
  return growth;
}

// What the levels of this row take in a file, and of as many rows behind it.
std::size_t level_bytes(const Row& row, std::size_t rows) {
  const parquet::Schema schema = parquet::columns_of(k_lists);
  std::size_t bytes = 0;
  for (std::uint16_t leaf = 0; leaf < schema.size(); ++leaf) {
    parquet::Buffer out;
    for (const bool is_definition : {true, false}) {
      const std::uint8_t most = is_definition ? schema[leaf].definition_max() : schema[leaf].repetition_max();
      if (most == 0) {
        continue;
      }
      parquet::Runs runs(parquet::level_bits(most));
      for (std::size_t i = 0; i < rows; ++i) {
        for (const Cell& each : row.cells) {
          if (each.leaf == leaf) {
            runs.add(is_definition ? each.definition : each.repetition);
          }
        }
      }
      runs.finish(out);
    }
    bytes += out.size();
  }
  return bytes;
}

TEST(RowGrowth, values_take_their_bytes_and_levels_their_bits) {
  Row row;
  row.cells = {cell(0, 0, 1), cell(1, 0, 0), cell(2, 0, 0)};
  // Levels: 1 of `_rescued`, 1 of id, 4 of n (3 and 1), 6 of the tags (3 bits and 2, as 7 is the most).
  const std::size_t nothing = growth_of(k_lists).bytes({}, 1'000);
  EXPECT_EQ(growth_of(k_lists).bytes(row, nothing + 8), nothing + 8);
  row.rescued = "{}";
  EXPECT_EQ(growth_of(k_lists).bytes(row, nothing + 10), nothing + 10);
  EXPECT_GE(growth_of(k_lists).bytes(row, 1'000), nothing + 10) << "no more is looked at than has to be";
}

TEST(RowGrowth, equal_levels_of_many_items_are_a_run) {
  Row row;
  row.cells = {cell(0, 0, 0)};
  for (int i = 0; i < 1'000; ++i) {
    row.cells.push_back(cell(1, i == 0 ? 0 : 1, 3));
    row.cells.push_back(cell(2, i == 0 ? 0 : 1, 3));
  }
  const RowGrowth growth = growth_of(k_lists);
  EXPECT_GE(growth.bytes(row, 10'000), 4 * 999U) << "the rough one is enough";
  EXPECT_LT(growth.bytes(row, 100), 60U);
}

TEST(RowGrowth, no_row_becomes_more_in_a_file) {
  std::mt19937_64 random(11);
  const RowGrowth growth = growth_of(k_lists);
  const auto below = [&random](unsigned most) { return static_cast<std::uint8_t>(random() % most); };
  for (int round = 0; round < 600; ++round) {
    Row row;
    row.cells = {cell(0, 0, 0)};
    const unsigned same = 1 + below(24);  // items of which levels are mostly equal
    std::uint8_t definitions[2] = {0, 0};
    const std::size_t items = 1 + random() % 200;
    for (std::size_t i = 0; i < items; ++i) {
      for (std::uint16_t leaf = 1; leaf <= 2; ++leaf) {
        std::uint8_t& definition = definitions[leaf - 1];
        definition = below(same) == 0 ? below(4) : definition;  // without values
        const std::uint8_t again = leaf == 1 || below(same) > 0 ? 1 : 2;
        row.cells.push_back(cell(leaf, i == 0 ? 0 : again, definition));
      }
    }
    constexpr std::size_t k_rows = 50;
    const std::size_t told = growth.bytes(row, 0);
    // Beside the rows: the last group and run of each of five hybrids.
    EXPECT_LE(level_bytes(row, k_rows), k_rows * told + 5 * 24) << round;
  }
}

}  // namespace
}  // namespace penstock::format
