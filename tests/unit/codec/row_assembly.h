// A row put together again, by Dremel's rules and strictly: a cell that is not the next, or has another level
// than it must have, ends the test.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/check.h"
#include "base/json_string.h"
#include "codec/avro_text.h"
#include "codec/table.h"
#include "codec/table_rules.h"

namespace penstock::codec {

// The row as one line of JSON, with the fields in the table's order. Values are written as avro_json.h has
// them, and what is missing is null.
class RowAssembly {
 public:
  static std::string json_of(const Table& table, const Row& row) {
    RowAssembly assembly(leaf_count(table), row);
    std::string text = "{";
    std::size_t leaf = 0;
    for (const Field& field : table.fields) {
      text += (leaf == 0 ? "" : ",") + json_string(field.name) + ":";
      text += assembly.field(field, leaf, 0, 0, 0);
      leaf += leaf_count(field);
    }
    for (std::size_t i = 0; i < assembly.columns_.size(); ++i) {
      CHECK(assembly.at_[i] == assembly.columns_[i].size());
    }
    return text + "}";
  }

 private:
  RowAssembly(std::size_t leaves, const Row& row) : columns_(leaves), at_(leaves, 0) {
    for (const Cell& cell : row.cells) {
      CHECK(cell.leaf < leaves);
      columns_[cell.leaf].push_back(cell);
    }
  }

  const Cell& peek(std::size_t leaf) const {
    CHECK(at_[leaf] < columns_[leaf].size());
    return columns_[leaf][at_[leaf]];
  }

  // Takes a cell of each leaf, none of which has a value.
  void take_nothing(std::size_t leaf, std::size_t count, unsigned repetition, unsigned definition) {
    for (std::size_t i = leaf; i < leaf + count; ++i) {
      CHECK(peek(i).repetition == repetition);
      CHECK(peek(i).definition == definition);
      ++at_[i];
    }
  }

  // `levels`: how many lists and maps lie around.
  std::string field(const Field& field, std::size_t leaf, unsigned definition, unsigned repetition,
                    unsigned levels) {
    if (field.optional) {
      if (peek(leaf).definition == definition) {
        take_nothing(leaf, leaf_count(field), repetition, definition);
        return "null";
      }
      ++definition;
    }
    if (field.type == FieldType::record) {
      std::string text;
      for (const Field& inner : field.fields) {
        text += (text.empty() ? "{" : ",") + json_string(inner.name) + ":";
        text += this->field(inner, leaf, definition, repetition, levels);
        leaf += leaf_count(inner);
      }
      return text + "}";
    }
    if (field.type == FieldType::list || field.type == FieldType::map) {
      return items(field, leaf, definition, repetition, levels + 1);
    }
    const Cell& cell = peek(leaf);
    CHECK(cell.repetition == repetition);
    CHECK(cell.definition == definition);
    ++at_[leaf];
    return value(field, cell);
  }

  std::string items(const Field& field, std::size_t leaf, unsigned definition, unsigned repetition,
                    unsigned levels) {
    const bool is_map = field.type == FieldType::map;
    if (peek(leaf).definition == definition) {
      take_nothing(leaf, leaf_count(field), repetition, definition);
      return is_map ? "{}" : "[]";
    }
    std::string text;
    do {
      text += text.empty() ? (is_map ? "{" : "[") : ",";
      std::size_t inner_leaf = leaf;
      for (const Field& inner : field.fields) {
        text += this->field(inner, inner_leaf, definition + 1, repetition, levels);
        text += is_map && inner_leaf == leaf ? ":" : "";
        inner_leaf += leaf_count(inner);
      }
      repetition = levels;
    } while (at_[leaf] < columns_[leaf].size() && columns_[leaf][at_[leaf]].repetition == levels);
    return text + (is_map ? "}" : "]");
  }

  template <class Real>
  static std::string real(Real number) {
    if (std::isnan(number)) {
      return "\"NaN\"";
    }
    if (std::isinf(number)) {
      return number < 0 ? "\"-Infinity\"" : "\"Infinity\"";
    }
    char text[64];
    const std::string written(text, std::to_chars(text, text + sizeof text, number).ptr);
    return written + (written.find_first_of(".e") == std::string::npos ? ".0" : "");
  }

  static std::string timestamp(std::int64_t count, unsigned digits, const char* zone) {
    char text[k_avro_text_bytes_max];
    return "\"" + std::string(text, write_avro_timestamp(count, digits, text)) + zone + "\"";
  }

  static std::string value(const Field& field, const Cell& cell) {
    char room[k_avro_text_bytes_max];
    const std::string_view text(cell.text, cell.bytes);
    switch (field.type) {
      case FieldType::boolean:
        return cell.number == 1 ? "true" : "false";
      case FieldType::int32:
      case FieldType::int64:
        return std::to_string(cell.number);
      case FieldType::float32:
        return real(static_cast<float>(cell.real));
      case FieldType::float64:
        return real(cell.real);
      case FieldType::bytes:
        return '"' + base64_encode(as_bytes(text)) + '"';
      case FieldType::json:
        return std::string(text);
      case FieldType::date:
        return "\"" + std::string(room, write_avro_date(cell.number, room)) + "\"";
      case FieldType::timestamp_millis:
        return timestamp(cell.number, 3, "Z");
      case FieldType::timestamp_micros:
        return timestamp(cell.number, 6, "Z");
      case FieldType::local_timestamp_millis:
        return timestamp(cell.number, 3, "");
      case FieldType::local_timestamp_micros:
        return timestamp(cell.number, 6, "");
      case FieldType::decimal:
        CHECK(text.size() == 16U);
        return '"' + std::string(room, *write_avro_decimal(as_bytes(text), field.scale, room)) + '"';
      default:
        return json_string(text);
    }
  }

  std::vector<std::vector<Cell>> columns_;
  std::vector<std::size_t> at_;
};

}  // namespace penstock::codec
