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

Table grown(const Table& table, const Table& written) {
  Table next = table;
  TableSize size = size_of(next);
  for (const Field& field : written.fields) {
    Field* const known = named(next.fields, field.name);
    if (known != nullptr && (known->name != field.name || fit_of(field, *known) == FieldFit::conflicts)) {
      continue;
    }
    Field made = known == nullptr ? field : *known;
    if (known != nullptr) {
      widen(made, field);
    }
    TableSize larger = size;
    larger += size_of(made);
    larger -= known == nullptr ? TableSize{} : size_of(*known);
    if (!has_room(larger)) {
      continue;
    }
    size = larger;
    if (known == nullptr) {
      next.fields.push_back(std::move(made));
    } else {
      *known = std::move(made);
    }
  }
  return next;
}

bool add_columns(Table& table, const Table& written, const Table& next) {
  std::vector<const Field*> added;
  TableSize size = size_of(table);
  for (const Field& field : written.fields) {
    const Field* const known = column_named(table.fields, field.name);
    const Field* const in_next = column_named(next.fields, field.name);
    const bool fits_next =
        in_next != nullptr && in_next->name == field.name && fit_of(field, *in_next) == FieldFit::fits;
    if (known == nullptr && fits_next) {
      size += size_of(*in_next);
      added.push_back(in_next);
    } else if (known != nullptr && fits_next && fit_of(field, *known) == FieldFit::grows) {
      return false;
    }
  }
  if (!has_room(size)) {
    return false;
  }
  for (const Field* const field : added) {
    table.fields.push_back(*field);
  }
  return true;
}

}  // namespace penstock::codec
