// How it works. Fields are compared by name, from the top down. For example the table `id INT32, at
// RECORD<x TEXT>`, and a version with `id INT64, at RECORD<x TEXT, y TEXT>, note TEXT`:
//
// 1. `id` fits: the column takes those numbers that it can hold. In the next table it is INT64.
// 2. `at` grows: the column has no y. In the next table it has.
// 3. `note` is new. But a row of this version does not fit into the table, as `at` grows. So add_columns()
//    adds nothing, and says so. A file with the next table is to be begun.
#include "codec/table_growth.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/letter_case.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

auto* named(auto& fields, std::string_view name) {
  const auto found =
      std::ranges::find_if(fields, [name](const Field& field) { return same_word(field.name, name); });
  return found == fields.end() ? nullptr : &*found;
}

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
  for (std::size_t i = 0; i < written.fields.size(); ++i) {
    const Field& inner = written.fields[i];
    Field* const known =
        column.type == FieldType::record ? named(column.fields, inner.name) : &column.fields[i];
    if (known == nullptr) {
      column.fields.push_back(inner);
    } else {
      widen(*known, inner);
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
  for (const Field& field : written) {
    Field* const known = named(fields, field.name);
    if (known != nullptr && (known->name != field.name || fit_of(field, *known) == FieldFit::conflicts)) {
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

const Field* column_named(const std::vector<Field>& fields, std::string_view name) {
  return named(fields, name);
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
  for (std::size_t i = 0; i < written.fields.size(); ++i) {
    const Field& inner = written.fields[i];
    if (column.type != FieldType::record) {
      fit = worse(fit, fit_of(inner, column.fields[i]));
    } else if (const Field* const known = column_named(column.fields, inner.name); known == nullptr) {
      fit = worse(fit, FieldFit::grows);
    } else {
      fit = worse(fit, known->name == inner.name ? fit_of(inner, *known) : FieldFit::conflicts);
    }
  }
  return fit;
}

Table grown(const Table& table, const Table& written, std::string_view record) {
  Table next = table;
  TableSize size = size_of(next);
  if (record.empty()) {
    grow(next.fields, written.fields, size, record);
    return next;
  }
  Field* home = named(next.fields, record);
  if (home == nullptr) {
    next.fields.push_back({.name = std::string(record), .type = FieldType::record});
    home = &next.fields.back();
  }
  if (home->name == record && home->type == FieldType::record) {
    grow(home->fields, written.fields, size, record);
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
    const Field& home = *column_named(next.fields, record);
    if (column_named(table.fields, record) != nullptr) {
      return false;
    }
    size += size_of(home);
    if (has_room(size)) {
      table.fields.push_back(home);
    }
    return has_room(size);
  }
  std::vector<const Field*> added;
  for (const Field& field : written.fields) {
    const Field* const known = column_named(*in_table, field.name);
    const Field* const wanted = column_named(*in_next, field.name);
    const bool fits_next =
        wanted != nullptr && wanted->name == field.name && fit_of(field, *wanted) == FieldFit::fits;
    if (known == nullptr && fits_next) {
      size += size_of(*wanted);
      added.push_back(wanted);
    } else if (known != nullptr && fits_next && fit_of(field, *known) == FieldFit::grows) {
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
    if (field.name == record) {
      return {.fields = field.type == FieldType::record ? &field.fields : nullptr, .leaf = leaf};
    }
    leaf += leaf_count(field);
  }
  return {};
}

}  // namespace penstock::codec
