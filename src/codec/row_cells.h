// Inside: a row while it is made, and where the columns of a table are in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/row_arena.h"
#include "codec/table.h"
#include "codec/table_rules.h"

namespace penstock::codec {

// Where a field's cells are: they are the leaves [leaf, leaf + leaves).
struct CellPlace {
  std::uint16_t leaf = 0;
  std::uint16_t leaves = 0;
  std::uint8_t definition = 0;  // of a field that is there, and of a list or map without items
  std::uint8_t missing = 0;     // of one that is not
  std::uint8_t repetition = 0;  // of the second item of a list or map, and of all behind it
};

// Makes the place of a field whose parent is there with `definition`.
inline CellPlace cell_place(const Field& field, std::size_t leaf, std::uint8_t definition,
                            std::uint8_t repetition) {
  const bool repeats = field.type == FieldType::list || field.type == FieldType::map;
  return {.leaf = static_cast<std::uint16_t>(leaf),
          .leaves = static_cast<std::uint16_t>(leaf_count(field)),
          .definition = static_cast<std::uint8_t>(definition + (field.optional ? 1 : 0)),
          .missing = definition,
          .repetition = static_cast<std::uint8_t>(repetition + (repeats ? 1 : 0))};
}

class RowCells {
 public:
  const Row& row() const { return row_; }
  RowArena& arena() { return arena_; }
  std::string& rescued() { return row_.rescued; }

  void clear() {
    if (row_.cells.capacity() > k_kept_cells_max) {
      row_.cells = {};
    }
    if (row_.rescued.capacity() > RowArena::k_kept_bytes_max) {
      row_.rescued = {};
    }
    row_.cells.clear();
    row_.rescued.clear();
    arena_.clear();
  }

  std::size_t size() const { return row_.cells.size(); }
  bool is_full() const { return row_.cells.size() > k_row_cells_max; }

  // Takes back all that was added since there were so many.
  void cut(std::size_t size) { row_.cells.resize(size); }

  void add_number(const CellPlace& place, std::uint8_t repetition, std::int64_t number) {
    add_cell(place.leaf, repetition, place.definition).number = number;
  }
  void add_real(const CellPlace& place, std::uint8_t repetition, double real) {
    add_cell(place.leaf, repetition, place.definition).real = real;
  }
  void add_text(const CellPlace& place, std::uint8_t repetition, std::string_view text) {
    Cell& cell = add_cell(place.leaf, repetition, place.definition);
    cell.bytes = static_cast<std::uint32_t>(text.size());
    cell.text = text.data();
  }

  // Of each of its leaves a cell without a value.
  void add_nothing(const CellPlace& place, std::uint8_t repetition, std::uint8_t definition) {
    for (std::uint16_t i = 0; i < place.leaves; ++i) {
      add_cell(static_cast<std::uint16_t>(place.leaf + i), repetition, definition);
    }
  }
  void add_missing(const CellPlace& place, std::uint8_t repetition) {
    add_nothing(place, repetition, place.missing);
  }

 private:
  static constexpr std::size_t k_kept_cells_max = std::size_t{1} << 16;  // 1 MiB

  // Made where it stays: a copy of what was just written in parts stalls the processor.
  Cell& add_cell(std::uint16_t leaf, std::uint8_t repetition, std::uint8_t definition) {
    Cell& cell = row_.cells.emplace_back();
    cell.leaf = leaf;
    cell.repetition = repetition;
    cell.definition = definition;
    return cell;
  }

  Row row_;
  RowArena arena_;
};

}  // namespace penstock::codec
