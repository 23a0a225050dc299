// A table as people and engines read it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "codec/table.h"

namespace penstock::codec {

// "int64", "decimal(10,2)".
std::string type_word(const Field& field);

// "BIGINT", "ARRAY<STRUCT<`sku`: STRING>>": as Spark and Databricks write it.
std::string spark_type(const Field& field);

// A line for each field, those of another two spaces further in. Each line begins with `indent`.
std::string tree_text(const Table& table, std::string_view indent);

// [{"name":"id","type":"int64","optional":true,"spark":"BIGINT"}], with `fields` where there are any.
std::string table_json(const Table& table);

// The columns of a CREATE TABLE, a line each: those of the table, and then what penstock writes itself. Null:
// values are one column, which is text or bytes.
std::string spark_columns(const Table* table, bool text_values = false);

}  // namespace penstock::codec
