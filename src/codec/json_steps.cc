// How it works. There is a step for each field of the schema's own table, and its leaves are those of the
// column with its name. Columns that no step is of are null (`absent`). A top field that fits no column has a
// step without leaves, which takes nothing but null.
//
// For example the schema's table `id INT64, total TEXT`, and the file's, `total FLOAT64, old BOOLEAN, id
// INT32`, whose leaves are 0, 1 and 2:
//
// 1. `id` is of leaf 2, which is narrower.
// 2. `total` has a conflict, as no text is in a column of numbers. It has no leaf.
// 3. `total` and `old`, leaves 0 and 1, are absent.
#include "codec/json_steps.h"

#include <algorithm>

#include "codec/table_growth.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

bool comes_before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

void index_names(JsonStep& record) {
  for (std::size_t i = 0; i < record.inner.size(); ++i) {
    record.by_name.push_back(static_cast<std::uint16_t>(i));
  }
  std::ranges::sort(record.by_name, [&](std::uint16_t a, std::uint16_t b) {
    return comes_before(record.inner[a].name, record.inner[b].name);
  });
}

std::string quoted(const std::string& name) {
  const bool needs_escapes = std::ranges::any_of(
      name, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
  return needs_escapes ? std::string() : '"' + name + '"';
}

JsonStep named_step(const std::string& name) {
  JsonStep step;
  step.name = name;
  step.quoted = quoted(name);
  return step;
}

JsonStep compile(const Field& written, const Field& column, const CellPlace& place);

// The steps of the record's fields. `leaf`: the first of the columns'. `definition`, `repetition`: of the
// record where it is there.
void compile_fields(JsonStep& record, const std::vector<Field>& written, const std::vector<Field>& columns,
                    std::size_t leaf, std::uint8_t definition, std::uint8_t repetition) {
  std::vector<CellPlace> places;
  for (const Field& column : columns) {
    places.push_back(cell_place(column, leaf, definition, repetition));
    leaf += places.back().leaves;
  }
  std::vector<bool> has_step(columns.size());
  for (const Field& field : written) {
    const auto at =
        static_cast<std::size_t>(std::ranges::find(columns, field.name, &Field::name) - columns.begin());
    if (field.left_out || at == columns.size() || fit_of(field, columns[at]) != FieldFit::fits) {
      record.inner.push_back(named_step(field.name));
      record.inner.back().has_conflict = true;
    } else {
      has_step[at] = true;
      record.inner.push_back(compile(field, columns[at], places[at]));
    }
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!has_step[i]) {
      record.absent.push_back(places[i]);
    }
  }
  index_names(record);
}

// `written` fits the column.
JsonStep compile(const Field& written, const Field& column, const CellPlace& place) {
  JsonStep step = named_step(column.name);
  step.type = column.type;
  step.precision = column.precision;
  step.scale = column.scale;
  step.is_narrower = (written.type == FieldType::int64 && column.type == FieldType::int32) ||
                     (written.type == FieldType::float64 && column.type == FieldType::float32) ||
                     written.precision > column.precision;
  step.place = place;
  if (column.type == FieldType::record) {
    compile_fields(step, written.fields, column.fields, place.leaf, place.definition, place.repetition);
    return step;
  }
  std::size_t leaf = place.leaf;
  for (std::size_t i = 0; i < column.fields.size(); ++i) {  // of a list or map
    const auto definition = static_cast<std::uint8_t>(place.definition + 1);
    step.inner.push_back(compile(written.fields[i], column.fields[i],
                                 cell_place(column.fields[i], leaf, definition, place.repetition)));
    leaf += leaf_count(column.fields[i]);
  }
  return step;
}

}  // namespace

JsonSteps json_steps(const Table& written, const Table& table, std::string_view record) {
  static const std::vector<Field> k_none;
  JsonSteps steps;
  const FieldHome home = home_of(table, record);
  steps.root.type = FieldType::record;
  compile_fields(steps.root, written.fields, home.fields != nullptr ? *home.fields : k_none, home.leaf,
                 record.empty() ? 0 : 1, 0);
  std::size_t leaf = 0;
  for (const Field& field : table.fields) {
    steps.places.push_back(cell_place(field, leaf, 0, 0));
    leaf += steps.places.back().leaves;
    if (!record.empty() && home.fields != &field.fields) {
      steps.root.absent.push_back(steps.places.back());
    }
  }
  return steps;
}

JsonStep* find_field(JsonStep& record, std::string_view name) {
  const auto found =
      std::ranges::lower_bound(record.by_name, name, comes_before,
                               [&](std::uint16_t i) -> std::string_view { return record.inner[i].name; });
  if (found == record.by_name.end() || record.inner[*found].name != name) {
    return nullptr;
  }
  record.guess = *found + std::size_t{1};
  return &record.inner[*found];
}

}  // namespace penstock::codec
