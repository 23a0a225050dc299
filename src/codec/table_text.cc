// How it works
//
// Each function goes through the fields and adds to a text. For example the table `lines LIST<TEXT>`:
//
//   tree_text()       lines  list
//                       element  text
//   table_json()      [{"name":"lines","type":"list",...,"fields":[{"name":"element","type":"text",...}]}]
//   spark_columns()     `lines` ARRAY<STRING>,
//                       `_rescued` STRING, ...
#include "codec/table_text.h"

#include "base/concat.h"
#include "base/json_string.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

std::string in_backticks(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    out.append(c == '`' ? 2 : 1, c);
  }
  return out + "`";
}

void append_tree(std::string& out, const Field& field, const std::string& indent) {
  out += concat(indent, field.name, "  ", type_word(field), field.optional ? "" : "  required", "\n");
  for (const Field& inner : field.fields) {
    append_tree(out, inner, indent + "  ");
  }
}

std::string fields_json(const std::vector<Field>& fields) {
  std::string out = "[";
  for (const Field& field : fields) {
    out += concat(out.size() > 1 ? "," : "", "{\"name\":", json_string(field.name),
                  ",\"type\":", json_string(type_word(field)),
                  ",\"optional\":", field.optional ? "true" : "false",
                  ",\"spark\":", json_string(spark_type(field)));
    if (!field.fields.empty()) {
      out += concat(",\"fields\":", fields_json(field.fields));
    }
    out += '}';
  }
  return out + "]";
}

}  // namespace

std::string type_word(const Field& field) {
  switch (field.type) {
    case FieldType::boolean:
      return "boolean";
    case FieldType::int32:
      return "int32";
    case FieldType::int64:
      return "int64";
    case FieldType::float32:
      return "float32";
    case FieldType::float64:
      return "float64";
    case FieldType::bytes:
      return "bytes";
    case FieldType::text:
      return "text";
    case FieldType::json:
      return "json";
    case FieldType::date:
      return "date";
    case FieldType::timestamp_millis:
      return "timestamp_millis";
    case FieldType::timestamp_micros:
      return "timestamp_micros";
    case FieldType::local_timestamp_millis:
      return "local_timestamp_millis";
    case FieldType::local_timestamp_micros:
      return "local_timestamp_micros";
    case FieldType::decimal:
      return concat("decimal(", field.precision, ",", field.scale, ")");
    case FieldType::record:
      return "record";
    case FieldType::list:
      return "list";
    case FieldType::map:
      return "map";
  }
  return "?";
}

std::string spark_type(const Field& field) {
  switch (field.type) {
    case FieldType::boolean:
      return "BOOLEAN";
    case FieldType::int32:
      return "INT";
    case FieldType::int64:
      return "BIGINT";
    case FieldType::float32:
      return "FLOAT";
    case FieldType::float64:
      return "DOUBLE";
    case FieldType::bytes:
      return "BINARY";
    case FieldType::text:
    case FieldType::json:
      return "STRING";
    case FieldType::date:
      return "DATE";
    case FieldType::timestamp_millis:
    case FieldType::timestamp_micros:
      return "TIMESTAMP";
    case FieldType::local_timestamp_millis:
    case FieldType::local_timestamp_micros:
      return "TIMESTAMP_NTZ";
    case FieldType::decimal:
      return concat("DECIMAL(", field.precision, ",", field.scale, ")");
    case FieldType::list:
      return concat("ARRAY<", spark_type(field.fields.front()), ">");
    case FieldType::map:
      return concat("MAP<", spark_type(field.fields.front()), ", ", spark_type(field.fields.back()), ">");
    case FieldType::record:
      break;
  }
  std::string fields;
  for (const Field& inner : field.fields) {
    fields += concat(fields.empty() ? "" : ", ", in_backticks(inner.name), ": ", spark_type(inner));
  }
  return concat("STRUCT<", fields, ">");
}

std::string tree_text(const Table& table, std::string_view indent) {
  std::string out;
  for (const Field& field : table.fields) {
    append_tree(out, field, std::string(indent));
  }
  return out;
}

std::string table_json(const Table& table) {
  return fields_json(table.fields);
}

std::string spark_columns(const Table* table, bool text_values) {
  std::string out;
  const auto add = [&](std::string_view name, std::string_view type) {
    out += concat(out.empty() ? "" : ",\n", "  ", in_backticks(name), " ", type);
  };
  if (table == nullptr) {
    add("value", text_values ? "STRING" : "BINARY");
  } else {
    for (const Field& field : table->fields) {
      add(field.name, spark_type(field));
    }
  }
  for (const OwnColumn& column : k_own_columns) {
    if (table != nullptr || column.name != "_rescued") {
      add(column.name, column.spark_type);
    }
  }
  return out;
}

}  // namespace penstock::codec
