// How it works. A table is a tree, and its sizes are sums over its leaves. The paths are measured on the tree
// itself, before the list of columns is made, in which each leaf has its whole path.
//
// For example `id INT64, lines LIST<RECORD<sku TEXT>>` has two leaves. Their paths are `id`, 3 bytes with the
// one beside, and `lines.list.element.sku`, 6 + 5 + 8 + 4. So path_bytes is 26.
#include "codec/table_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "base/base64.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "base/letter_case.h"
#include "codec/json_check.h"
#include "codec/parquet_schema.h"

namespace penstock::codec {
namespace {

Error same_names(std::string_view name) {
  return invalid_input(concat("has the field ", json_string(name),
                              " and another that differs from it only in case, and Spark takes such columns "
                              "for one; rename one of them"));
}

Error own_name(std::string_view name) {
  return invalid_input(concat("has the field ", json_string(name),
                              ", and penstock writes a column of that name itself; rename the field"));
}

Error too_long_paths() {
  return invalid_input(concat("has names that take more than ", k_table_path_bytes_max,
                              " bytes in the paths of its columns; write a schema with shorter names, or "
                              "with fewer fields in each other"));
}

Error too_deep(std::size_t leaves) {
  return invalid_input(concat("makes ", leaves,
                              " columns, which is too many as deep as they lie "
                              "in each other; write a schema with fewer fields"));
}

// Two names that differ in case only are one column to Spark.
Result<void> check_names(const std::vector<Field>& fields) {
  std::set<std::string> seen;
  for (const Field& field : fields) {
    if (field.name.empty()) {
      return invalid_input("has a field without a name, which no column can be; leave it out");
    }
    if (!seen.insert(lower(field.name)).second) {
      return same_names(field.name);
    }
  }
  for (const Field& field : fields) {
    if (field.type == FieldType::record) {
      if (Result<void> checked = check_names(field.fields); !checked.ok()) {
        return checked;
      }
    }
    if (field.type == FieldType::list || field.type == FieldType::map) {
      // Their items have no names of the schema. What is in the items has.
      for (const Field& item : field.fields) {
        if (Result<void> checked =
                check_names(item.type == FieldType::record ? item.fields : std::vector<Field>{item});
            !checked.ok()) {
          return checked;
        }
      }
    }
  }
  return {};
}

// Of the leaves in it. `above`: of what it lies in.
std::size_t path_bytes(const Field& field, std::size_t above) {
  std::size_t here = above + field.name.size() + 1;
  if (field.fields.empty()) {
    return here;
  }
  if (field.type == FieldType::list || field.type == FieldType::map) {
    here += std::string_view(field.type == FieldType::list ? "list" : "key_value").size() + 1;
  }
  std::size_t bytes = 0;
  for (const Field& inner : field.fields) {
    bytes += path_bytes(inner, here);
  }
  return bytes;
}

std::size_t path_bytes(const Table& table) {
  std::size_t bytes = 0;
  for (const Field& field : table.fields) {
    bytes += path_bytes(field, 0);
  }
  return bytes;
}

Result<Table> checked_within(std::string_view record, Table table) {
  if (is_own_column(record)) {
    return invalid_input(concat("is of a record that is called ", json_string(record),
                                ", and penstock writes a column of that name itself; rename the record"));
  }
  Field column{.name = std::string(record), .type = FieldType::record, .fields = std::move(table.fields)};
  Result<Table> within = checked_table({.fields = {std::move(column)}});
  if (within.ok()) {
    within->fields = std::exchange(within->fields.front().fields, {});
    std::ranges::for_each(within->fields, [](Field& field) { field.optional = true; });
  }
  return within;
}

// Empty: it can be one, and `size` has it. `names`: of the fields before it, in lower case.
std::string why_no_column(const Field& field, std::string_view record, const std::set<std::string>& names,
                          TableSize& size) {
  if (field.left_out) {
    return too_many_leaves().message;
  }
  if (names.contains(lower(field.name))) {
    return same_names(field.name).message;
  }
  if (Result<void> checked = check_names({field}); !checked.ok()) {
    return std::move(checked).error().message;
  }
  if (record.empty() && is_own_column(field.name)) {
    return own_name(field.name).message;
  }
  const Field placed = record.empty()
                           ? field
                           : Field{.name = std::string(record), .type = FieldType::record, .fields = {field}};
  if (size.path_bytes + path_bytes(placed, 0) > k_table_path_bytes_max) {  // before columns are made
    return too_long_paths().message;
  }
  size += size_of(placed);
  if (size.leaves > k_table_leaves_max) {
    return too_many_leaves().message;
  }
  if (size.level_bits > k_table_level_bits_max) {
    return too_deep(size.leaves).message;
  }
  return {};
}

}  // namespace

bool is_own_column(std::string_view name) {
  return std::ranges::any_of(k_own_columns, [&](const OwnColumn& own) { return same_word(own.name, name); });
}

std::size_t leaf_count(const Field& field) {
  std::size_t count = field.fields.empty() ? 1 : 0;
  for (const Field& inner : field.fields) {
    count += leaf_count(inner);
  }
  return count;
}

std::size_t leaf_count(const Table& table) {
  std::size_t count = 0;
  for (const Field& field : table.fields) {
    count += leaf_count(field);
  }
  return count;
}

TableSize size_of(const Table& table) {
  TableSize size{.path_bytes = path_bytes(table)};
  for (const parquet::Column& column : parquet::columns_of(table)) {
    ++size.leaves;
    size.level_bits +=
        parquet::level_bits(column.definition_max()) + parquet::level_bits(column.repetition_max());
  }
  return size;
}

TableSize size_of(const Field& field) {
  return size_of(Table{.fields = {field}});
}

bool is_readable_time(FieldType type, std::int64_t count) {
  std::int64_t in_a_day = 1;
  if (type == FieldType::timestamp_millis || type == FieldType::local_timestamp_millis) {
    in_a_day = 86'400'000;
  } else if (type != FieldType::date) {
    in_a_day = 86'400'000'000;
  }
  return count >= k_table_day_min * in_a_day && count < (k_table_day_max + 1) * in_a_day;
}

bool is_float_exactly(double real) {
  return std::isnan(real) || std::isinf(real) ||
         (std::abs(real) <= double{std::numeric_limits<float>::max()} &&
          double{static_cast<float>(real)} == real);
}

Result<Table> checked_table(Table table, std::string_view record) {
  if (!record.empty()) {
    return checked_within(record, std::move(table));
  }
  if (Result<void> checked = check_names(table.fields); !checked.ok()) {
    return checked.error();
  }
  for (Field& field : table.fields) {
    if (is_own_column(field.name)) {
      return own_name(field.name);
    }
    field.optional = true;
  }
  if (path_bytes(table) > k_table_path_bytes_max) {  // before columns are made, which have their paths
    return too_long_paths();
  }
  if (const TableSize size = size_of(table); size.level_bits > k_table_level_bits_max) {
    return too_deep(size.leaves);
  }
  return table;
}

Result<Table> table_of_what_fits(Table table, std::string_view record, std::vector<LeftOut>& left_out) {
  if (is_own_column(record)) {
    return checked_table(std::move(table), record);
  }
  left_out.clear();
  std::set<std::string> names;
  TableSize size;
  for (Field& field : table.fields) {
    field.optional = true;
    TableSize with = size;
    std::string why = why_no_column(field, record, names, with);
    if (why.empty()) {
      size = with;
      names.insert(lower(field.name));
      continue;
    }
    left_out.push_back({.name = field.name, .why = std::move(why)});
    field = Field{.name = std::move(field.name), .type = FieldType::json, .left_out = true};
  }
  if (left_out.size() == table.fields.size() && !left_out.empty()) {
    return invalid_input(left_out.front().why);
  }
  return table;
}

void make_optional(std::vector<Field>& fields) {
  for (Field& field : fields) {
    field.optional = true;
    make_optional(field.fields);
    if (field.type == FieldType::map) {
      field.fields.front().optional = false;
    }
  }
}

Error too_many_leaves() {
  return invalid_input(concat("makes more than ", k_table_leaves_max,
                              " columns, the most that a file may have; write a schema with fewer fields"));
}

void append_rescued_whole(std::string& out, Bytes value, std::string_view reason) {
  if (!is_utf8(as_text(value))) {
    append_rescued_bytes(out, value, reason);
    return;
  }
  out += "{\"_value\":";
  append_json_string(out, as_text(value));
  out.append(",\"_reason\":\"").append(reason).append("\"}");
}

void append_rescued_bytes(std::string& out, Bytes value, std::string_view reason) {
  out += "{\"_value_base64\":\"";
  const std::size_t begins = out.size();
  out.resize(begins + base64_size(value.size()));
  base64_write(value, out.data() + begins);
  out.append("\",\"_reason\":\"").append(reason).append("\"}");
}

void append_conflicts(std::string& out, std::string_view names) {
  out += concat(",\"", k_reason_member, "\":\"has fields that their columns cannot take: ", names, '"');
}

}  // namespace penstock::codec
