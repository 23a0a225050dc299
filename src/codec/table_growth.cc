// How it works. Fields are compared by name, from the top down. For example the table `id INT32, at
// RECORD<x TEXT>`, and a version with `id INT64, at RECORD<x TEXT, y TEXT>, note TEXT`:
//
// 1. `id` fits: the column takes those numbers that it can hold. In the next table it is INT64.
// 2. `at` grows: the column has no y. In the next table it has.
// 3. `note` is new. But a row of this version does not fit into the table, as `at` grows. So add_columns()
//    adds nothing, and says so. A file with the next table is to be begun.
#include "codec/table_growth.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/letter_case.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

bool is_pair(FieldType a, FieldType b, FieldType one, FieldType other) {
  return (a == one && b == other) || (a == other && b == one);
}

bool leaf_fits(const Field& written, const Field& column) {
  if (written.type == FieldType::decimal && column.type == FieldType::decimal) {
    return written.scale == column.scale;
  }
  return written.type == column.type ||
         is_pair(written.type, column.type, FieldType::int32, FieldType::int64) ||
         is_pair(written.type, column.type, FieldType::float32, FieldType::float64);
}

FieldFit worse(FieldFit a, FieldFit b) {
  return std::max(a, b);
}

// The wider of two types of which one fits the other.
void widen_leaf(Field& column, const Field& written) {
  if (written.type == FieldType::int64 || written.type == FieldType::float64) {
    column.type = written.type;
  }
  column.precision = std::max(column.precision, written.precision);
}

// `column` does not conflict with `written`.
void widen(Field& column, const Field& written) {
  if (column.fields.empty()) {
    widen_leaf(column, written);
    return;
  }
  if (column.type != FieldType::record) {
    for (std::size_t i = 0; i < written.fields.size(); ++i) {
      widen(column.fields[i], written.fields[i]);
    }
    return;
  }
  const FieldNames names(column.fields);
  for (const Field& inner : written.fields) {
    if (const std::optional<std::size_t> at = names.find(inner.name)) {
      widen(column.fields[*at], inner);
    } else {
      column.fields.push_back(inner);
    }
  }
}

bool has_room(const TableSize& size) {
  return size.leaves <= k_table_leaves_max && size.level_bits <= k_table_level_bits_max &&
         size.path_bytes <= k_table_path_bytes_max;
}

// Of a field that lies in `record`, or in nothing.
TableSize size_within(const Field& field, std::string_view record) {
  return record.empty()
             ? size_of(field)
             : size_of(Field{.name = std::string(record), .type = FieldType::record, .fields = {field}});
}

// `fields`: of the table, or of its column `record`. `size`: of the whole table.
void grow(std::vector<Field>& fields, const std::vector<Field>& written, TableSize size,
          std::string_view record) {
  const FieldNames names(fields);
  for (const Field& field : written) {
    if (field.left_out) {
      continue;
    }
    const std::optional<std::size_t> at = names.find(field.name);
    Field* const known = at ? &fields[*at] : nullptr;
    if (fit_at(field, known) == FieldFit::conflicts) {
      continue;
    }
    Field made = known == nullptr ? field : *known;
    if (known != nullptr) {
      widen(made, field);
    }
    TableSize larger = size;
    larger += size_within(made, record);
    larger -= known == nullptr ? TableSize{} : size_within(*known, record);
    if (!has_room(larger)) {
      continue;
    }
    size = larger;
    if (known == nullptr) {
      fields.push_back(std::move(made));
    } else {
      *known = std::move(made);
    }
  }
}

}  // namespace

FieldNames::FieldNames(const std::vector<Field>& fields) {
  numbers_.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    numbers_.emplace(lower(fields[i].name), i);
  }
}

std::optional<std::size_t> FieldNames::find(std::string_view name) const {
  const auto found = numbers_.find(lower(name));
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

FieldFit fit_of(const Field& written, const Field& column) {
  if (written.fields.empty() || column.fields.empty()) {
    return written.fields.empty() && column.fields.empty() && leaf_fits(written, column)
               ? FieldFit::fits
               : FieldFit::conflicts;
  }
  if (written.type != column.type) {
    return FieldFit::conflicts;
  }
  FieldFit fit = FieldFit::fits;
  if (column.type != FieldType::record) {
    for (std::size_t i = 0; i < written.fields.size(); ++i) {
      fit = worse(fit, fit_of(written.fields[i], column.fields[i]));
    }
    return fit;
  }
  const FieldNames names(column.fields);
  for (const Field& inner : written.fields) {
    const std::optional<std::size_t> at = names.find(inner.name);
    fit = worse(fit, fit_at(inner, at ? &column.fields[*at] : nullptr));
  }
  return fit;
}

FieldFit fit_at(const Field& written, const Field* column) {
  if (column == nullptr) {
    return FieldFit::grows;
  }
  return column->name == written.name ? fit_of(written, *column) : FieldFit::conflicts;
}

Table grown(const Table& table, const Table& written, std::string_view record) {
  Table next = table;
  TableSize size = size_of(next);
  if (record.empty()) {
    grow(next.fields, written.fields, size, record);
    return next;
  }
  const std::optional<std::size_t> at = FieldNames(next.fields).find(record);
  if (!at) {
    next.fields.push_back({.name = std::string(record), .type = FieldType::record});
  }
  Field& home = at ? next.fields[*at] : next.fields.back();
  if (home.name == record && home.type == FieldType::record) {
    grow(home.fields, written.fields, size, record);
  }
  if (next.fields.back().type == FieldType::record && next.fields.back().fields.empty()) {
    next.fields.pop_back();  // there was no room for any
  }
  return next;
}

bool add_columns(Table& table, const Table& written, const Table& next, std::string_view record) {
  const std::vector<Field>* const in_next = home_of(next, record).fields;
  if (in_next == nullptr) {
    return true;
  }
  TableSize size = size_of(table);
  const std::vector<Field>* const in_table = home_of(table, record).fields;
  if (in_table == nullptr) {  // the whole record is new, or another column is in its place
    if (FieldNames(table.fields).find(record)) {
      return false;
    }
    const Field& home = next.fields[*FieldNames(next.fields).find(record)];
    size += size_of(home);
    if (has_room(size)) {
      table.fields.push_back(home);
    }
    return has_room(size);
  }
  std::vector<const Field*> added;
  const FieldNames names(*in_table);
  const FieldNames names_in_next(*in_next);
  for (const Field& field : written.fields) {
    const std::optional<std::size_t> wanted = names_in_next.find(field.name);
    if (field.left_out || !wanted || fit_at(field, &(*in_next)[*wanted]) != FieldFit::fits) {
      continue;
    }
    const std::optional<std::size_t> known = names.find(field.name);
    if (!known) {
      size += size_of((*in_next)[*wanted]);
      added.push_back(&(*in_next)[*wanted]);
    } else if (fit_at(field, &(*in_table)[*known]) == FieldFit::grows) {
      return false;
    }
  }
  if (!has_room(size) || (!added.empty() && !record.empty())) {
    return false;
  }
  for (const Field* const field : added) {
    table.fields.push_back(*field);
  }
  return true;
}

FieldHome home_of(const Table& table, std::string_view record) {
  if (record.empty()) {
    return {.fields = &table.fields};
  }
  std::size_t leaf = 0;
  for (const Field& field : table.fields) {
    if (same_word(field.name, record)) {
      const bool is_it = field.name == record && field.type == FieldType::record;
      return {.fields = is_it ? &field.fields : nullptr, .leaf = leaf, .is_taken = !is_it};
    }
    leaf += leaf_count(field);
  }
  return {};
}

}  // namespace penstock::codec
