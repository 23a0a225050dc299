#include "format/row_growth.h"

#include <algorithm>

namespace penstock::format {
namespace {

namespace parquet = codec::parquet;

// Of a list's levels: they have 8 bits each at most.
constexpr std::size_t k_levels_bytes_max = 2;

// Of a cell beside its text: these, and a decimal.
constexpr std::size_t k_cell_bytes_max = k_levels_bytes_max + 16;

// What equal levels that follow each other take. They may begin within a group of eight, which they fill.
// Then come the run, if there are eight more, with a header of up to three bytes, and the header of the
// groups behind it.
std::size_t bits_of_run(std::size_t count, unsigned width) {
  constexpr std::size_t k_around_bits = 40;
  return count < 15 ? count * width : 7 * width + k_around_bits;
}

// Equal levels of one leaf, while more come.
struct LevelRun {
  std::uint8_t level = 0;
  std::uint32_t count = 0;

  // What the run takes that this level ends.
  std::size_t add(std::uint8_t next, unsigned width) {
    const std::size_t bits = next == level ? 0 : bits_of_run(count, width);
    count = next == level ? count + 1 : 1;
    level = next;
    return bits;
  }
};

}  // namespace

void RowGrowth::add(const parquet::Column& column) {
  const bool is_text = column.type == parquet::Type::byte_array;
  const unsigned definition_bits = parquet::level_bits(column.definition_max());
  const unsigned repetition_bits = parquet::level_bits(column.repetition_max());
  level_bits_ += definition_bits + repetition_bits;
  leaves_.push_back(
      {.definition_max = column.definition_max(),
       .definition_bits = static_cast<std::uint8_t>(definition_bits),
       .repetition_bits = static_cast<std::uint8_t>(repetition_bits),
       .is_text = is_text,
       .value_bytes = static_cast<std::uint8_t>(is_text                               ? 4
                                                : column.type == parquet::Type::fixed ? column.length
                                                                                      : 8)});
}

std::size_t RowGrowth::bytes(const codec::Row& row, std::size_t enough) const {
  std::size_t bytes = (level_bits_ + 7) / 8 + row.rescued.size();
  // Mostly no more has to be known of a cell than its text.
  std::size_t most = bytes + row.cells.size() * k_cell_bytes_max;
  for (const codec::Cell& cell : row.cells) {
    most += cell.bytes;
  }
  if (most <= enough) {
    return most;
  }
  std::size_t items = 0;
  for (const codec::Cell& cell : row.cells) {
    const Leaf& leaf = leaves_[cell.leaf];
    items += cell.repetition > 0 ? 1 : 0;
    if (cell.definition == leaf.definition_max) {
      bytes += leaf.value_bytes + (leaf.is_text ? cell.bytes : 0);
    }
  }
  const std::size_t rough = bytes + items * k_levels_bytes_max;
  return rough <= enough ? rough : std::min(rough, bytes + (run_bits(row) + 7) / 8);
}

std::size_t RowGrowth::run_bits(const codec::Row& row) const {
  struct Runs {
    LevelRun definitions;
    LevelRun repetitions;
  };
  std::vector<Runs> runs(leaves_.size());
  std::size_t bits = 0;
  for (const codec::Cell& cell : row.cells) {
    const Leaf& leaf = leaves_[cell.leaf];
    if (leaf.repetition_bits > 0) {
      bits += runs[cell.leaf].definitions.add(cell.definition, leaf.definition_bits) +
              runs[cell.leaf].repetitions.add(cell.repetition, leaf.repetition_bits);
    }
  }
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    bits += bits_of_run(runs[i].definitions.count, leaves_[i].definition_bits) +
            bits_of_run(runs[i].repetitions.count, leaves_[i].repetition_bits);
  }
  return bits;
}

}  // namespace penstock::format
