// An Avro schema, compiled: what avro_json.h needs to turn a value into JSON, in the order of its bytes.
// Pure.
//
// It is a list of nodes, the first of which is the schema itself. What a node consists of stands in the list
// of parts, one behind the other. A type that is named a second time is the same node, so a type that holds
// itself is a circle. For example,
//
//   {"type":"record","name":"Order","fields":[{"name":"id","type":"long"},
//                                             {"name":"note","type":["null","string"]}]}
//
//   node 0  record   parts 0, 1     part 0  node 1  `{"id":`       part 2  node 3
//   node 1  int64                   part 1  node 2  `,"note":`     part 3  node 4
//   node 2  choice   parts 2, 3
//   node 3  null
//   node 4  text
//
// Names and symbols are kept as they stand in a row, escaped and with what is around them, and as they are.
// Aliases, defaults,
// orders and docs are for other readers of a schema, and are passed over. So is a logical type that is not
// known, or does not fit its type, as the specification says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

namespace penstock::codec {

// What the bytes of a value are read as, and written as.
enum class AvroType : std::uint8_t {
  null,
  boolean,
  int32,
  int64,
  float32,
  float64,
  bytes,
  text,
  fixed,
  record,
  symbols,  // an enum
  array,
  map,
  choice,  // a union

  // Logical types. Below each, what it lies in.
  date,                    // int
  time_millis,             // int
  time_micros,             // long
  timestamp_millis,        // long
  timestamp_micros,        // long
  timestamp_nanos,         // long
  local_timestamp_millis,  // long
  local_timestamp_micros,  // long
  local_timestamp_nanos,   // long
  decimal,                 // bytes
  fixed_decimal,           // fixed
  fixed_uuid,              // fixed; a uuid that lies in a string is text
  duration,                // fixed
};

class AvroSchema {
 public:
  // A schema is text of at most so many bytes.
  static constexpr std::size_t k_text_bytes_max = std::size_t{1} << 20;

  // The largest `precision` of a decimal.
  static constexpr std::size_t k_precision_max = 150;

  struct Node {
    AvroType type = AvroType::null;
    std::uint32_t first = 0;      // of its parts
    std::uint32_t count = 0;      // of its parts: fields, symbols, branches, or the one of an array and a map
    std::uint32_t size = 0;       // of what is fixed
    std::uint32_t scale = 0;      // of a decimal
    std::uint32_t precision = 0;  // of a decimal
  };
  struct Part {
    std::uint32_t node = 0;    // of a field, branch or item
    std::uint32_t begins = 0;  // in texts(): of a field or symbol
    std::uint32_t bytes = 0;
    std::uint32_t name_begins = 0;  // likewise, as it was before it was escaped
    std::uint32_t name_bytes = 0;
  };

  // The error's message is a predicate that says what is wrong with the schema, and at which of its fields.
  static Result<AvroSchema> parse(std::string_view json);

  // What it was parsed from.
  const std::string& written() const { return written_; }

  const Node& root() const { return nodes_.front(); }
  // Of a root that is a record, without its namespace. Empty: it is something else.
  const std::string& record_name() const { return record_name_; }
  const Node& node_of(const Part& part) const { return nodes_[part.node]; }
  const Part& part(const Node& node, std::size_t index) const { return parts_[node.first + index]; }
  std::string_view text_of(const Part& part) const {
    return std::string_view(texts_).substr(part.begins, part.bytes);
  }
  std::string_view name_of(const Part& part) const {
    return std::string_view(texts_).substr(part.name_begins, part.name_bytes);
  }

 private:
  friend class AvroSchemaParser;
  AvroSchema() = default;

  std::vector<Node> nodes_;
  std::vector<Part> parts_;
  std::string texts_;
  std::string record_name_;
  std::string written_;
};

}  // namespace penstock::codec
