// How it works
//
// AvroTableMaker goes through the schema from its root, and makes a field of each type. `path_` holds the
// types that lie around: one that comes again lies in itself, and becomes a column of JSON there.
//
// For example {"type":"record","name":"N","fields":[{"name":"v","type":["null","int"]},
//                                                   {"name":"next","type":"N"}]}:
//
// 1. The root is a record, so its fields are the columns. N is on the path.
// 2. `v` is a union of null and int: int32, optional.
// 3. `next` is N, which is on the path: JSON.
#include "codec/avro_table.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

// The largest precision of a decimal in Spark and in 16 bytes.
constexpr std::uint32_t k_table_precision_max = 38;

using Node = AvroSchema::Node;

FieldType leaf_type(const Node& node) {
  switch (node.type) {
    case AvroType::boolean:
      return FieldType::boolean;
    case AvroType::int32:
      return FieldType::int32;
    case AvroType::int64:
      return FieldType::int64;
    case AvroType::float32:
      return FieldType::float32;
    case AvroType::float64:
      return FieldType::float64;
    case AvroType::bytes:
    case AvroType::fixed:
      return FieldType::bytes;
    case AvroType::date:
      return FieldType::date;
    case AvroType::timestamp_millis:
      return FieldType::timestamp_millis;
    case AvroType::timestamp_micros:
      return FieldType::timestamp_micros;
    case AvroType::local_timestamp_millis:
      return FieldType::local_timestamp_millis;
    case AvroType::local_timestamp_micros:
      return FieldType::local_timestamp_micros;
    case AvroType::decimal:
    case AvroType::fixed_decimal:
      return node.precision <= k_table_precision_max ? FieldType::decimal : FieldType::text;
    case AvroType::null:
    case AvroType::choice:
    case AvroType::record:  // of these only what cannot be columns
    case AvroType::array:
    case AvroType::map:
      return FieldType::json;
    default:
      return FieldType::text;
  }
}

class AvroTableMaker {
 public:
  explicit AvroTableMaker(const AvroSchema& schema) : schema_(schema) {}

  Result<Table> make(std::string_view record, std::vector<LeftOut>* left_out) {
    const Node& root = schema_.root();
    Table table;
    if (root.type != AvroType::record || root.count == 0) {
      table.fields.push_back(field("value", root));
    } else {
      path_.push_back(&root);
      if (left_out != nullptr) {
        return table_of_what_fits({.fields = top_fields_of(root)}, record, *left_out);
      }
      table.fields = fields_of(root);
    }
    return budget_.has_too_many_leaves() ? too_many_leaves() : checked_table(std::move(table), record);
  }

 private:
  std::vector<Field> fields_of(const Node& record) {
    std::vector<Field> fields;
    for (std::uint32_t i = 0; i < record.count && !budget_.is_over(); ++i) {
      const AvroSchema::Part& part = schema_.part(record, i);
      fields.push_back(field(std::string(schema_.name_of(part)), schema_.node_of(part)));
    }
    return fields;
  }

  // As many as the record has.
  std::vector<Field> top_fields_of(const Node& record) {
    std::vector<Field> fields;
    for (std::uint32_t i = 0; i < record.count; ++i) {
      const AvroSchema::Part& part = schema_.part(record, i);
      fields.push_back(budget_.top_field(std::string(schema_.name_of(part)), [&](std::string name) {
        return field(std::move(name), schema_.node_of(part));
      }));
    }
    return fields;
  }

  // Whether columns can be made of what is in it.
  bool has_columns(const Node& node) const {
    const bool has_parts =
        node.type == AvroType::record || node.type == AvroType::array || node.type == AvroType::map;
    return has_parts && node.count > 0 && path_.size() < k_table_depth_max &&
           std::ranges::find(path_, &node) == path_.end();
  }

  Field field(std::string name, const Node& node) {
    const AvroOptional optional = avro_optional(schema_, node);
    const Node& type = *optional.node;
    budget_.add_name(name);
    Field made{.name = std::move(name), .optional = optional.optional};
    if (!has_columns(type)) {
      budget_.add_leaf();
      made.type = leaf_type(type);
      made.precision = made.type == FieldType::decimal ? type.precision : 0;
      made.scale = made.type == FieldType::decimal ? type.scale : 0;
      return made;
    }
    path_.push_back(&type);
    if (type.type == AvroType::record) {
      made.type = FieldType::record;
      made.fields = fields_of(type);
    } else {
      const Node& item = schema_.node_of(schema_.part(type, 0));
      made.type = type.type == AvroType::map ? FieldType::map : FieldType::list;
      if (made.type == FieldType::map) {
        budget_.add_leaf();
        made.fields.push_back({.name = "key", .type = FieldType::text, .optional = false});
      }
      made.fields.push_back(field(made.type == FieldType::map ? "value" : "element", item));
    }
    path_.pop_back();
    return made;
  }

  const AvroSchema& schema_;
  std::vector<const Node*> path_;  // of what lies around
  TableBudget budget_;
};

}  // namespace

AvroOptional avro_optional(const AvroSchema& schema, const Node& node) {
  if (node.type != AvroType::choice) {
    return {.node = &node, .optional = node.type == AvroType::null};
  }
  AvroOptional found{.node = &node};
  std::size_t others = 0;
  for (std::uint32_t i = 0; i < node.count; ++i) {
    const Node& branch = schema.node_of(schema.part(node, i));
    if (branch.type == AvroType::null) {
      found.optional = true;
    } else if (++others == 1) {
      found.node = &branch;
      found.branch = i;
    }
  }
  if (others != 1) {
    found.node = &node;
  }
  return found;
}

Result<Table> table_of_avro(const AvroSchema& schema, std::string_view record,
                            std::vector<LeftOut>* left_out) {
  return AvroTableMaker(schema).make(record, left_out);
}

}  // namespace penstock::codec
