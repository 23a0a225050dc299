// How it works
//
// simdjson makes a tree of the text, and JsonSchemaTable goes through it. field() is given the name of a
// column and its schema. First it looks through what only leads to a schema: `$ref`, and a choice of which
// all but one are null. `path_` holds the schemas that lie around, so a schema that lies in itself is seen.
//
// For example, {"properties":{"next":{"$ref":"#"},"at":{"type":["string","null"],"format":"date"}}}:
//
// 1. The schema has properties, so it is an object, whose fields are the columns. It is on the path.
// 2. `next` leads to the schema itself. It is on the path already: JSON.
// 3. `at` has one type beside null, which is string, and its format says date.
#include "codec/json_schema_table.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "base/concat.h"
#include "base/json_string.h"
#include "codec/avro_schema.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

using simdjson::dom::element;

constexpr std::size_t k_json_schema_depth_max = 256;

// How often a schema may lead to another before it says something.
constexpr std::size_t k_leads_max = 32;

std::optional<element> member(const element& schema, const char* name) {
  element found;
  return schema[name].get(found) == simdjson::SUCCESS ? std::optional(found) : std::nullopt;
}

std::optional<std::string_view> text_of(const std::optional<element>& value) {
  std::string_view text;
  return value && value->get(text) == simdjson::SUCCESS ? std::optional(text) : std::nullopt;
}

// The one type beside null that `type` names. Empty: it names several, or none.
std::string_view one_type(const element& type) {
  std::string_view found;
  simdjson::dom::array types;
  if (type.get(found) == simdjson::SUCCESS) {
    return found;
  }
  if (type.get(types) != simdjson::SUCCESS) {
    return {};
  }
  for (const element each : types) {
    const std::string_view name = text_of(each).value_or("");
    if (name == "null") {
      continue;
    }
    if (!found.empty()) {
      return {};
    }
    found = name;
  }
  return found;
}

std::string_view type_of_value(const element& value) {
  switch (value.type()) {
    case simdjson::dom::element_type::STRING:
      return "string";
    case simdjson::dom::element_type::INT64:
      return "integer";
    case simdjson::dom::element_type::BOOL:
      return "boolean";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "";
  }
}

// Of `enum`, in the same way.
std::string_view one_type_of_values(const simdjson::dom::array& values) {
  std::string_view found = "null";
  for (const element value : values) {
    const std::string_view type = type_of_value(value);
    if (type != "null" && found != "null" && type != found) {
      return {};
    }
    found = type == "null" ? found : type;
  }
  return found == "null" ? std::string_view() : found;
}

// "%3C" is "<": fragments of a URI are written so.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) {
      constexpr std::string_view k_digits = "0123456789abcdef0123456789ABCDEF";
      const std::size_t found = at < text.size() ? k_digits.find(text[at]) : std::string_view::npos;
      return found == std::string_view::npos ? -1 : static_cast<int>(found % 16);
    };
    if (text[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      out += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool same_place(const element& a, const element& b) {
  // An element is where it stands in simdjson's tape, and tells that by what it begins with.
  simdjson::dom::object one;
  simdjson::dom::object other;
  return a.get(one) == simdjson::SUCCESS && b.get(other) == simdjson::SUCCESS && one.begin() == other.begin();
}

class JsonSchemaTable {
 public:
  Result<Table> make(std::string_view text, std::string_view record, std::vector<LeftOut>* left_out) {
    simdjson::dom::parser parser;
    if (text.size() > AvroSchema::k_text_bytes_max) {
      return invalid_input(concat("is larger than ", AvroSchema::k_text_bytes_max, " bytes"));
    }
    if (parser.allocate(text.size(), k_json_schema_depth_max) != simdjson::SUCCESS ||
        parser.parse(simdjson::padded_string(text)).get(root_) != simdjson::SUCCESS) {
      return invalid_input(
          concat("is not JSON, or is nested deeper than ", k_json_schema_depth_max, " levels"));
    }
    const std::optional<element> object = leads_to(root_);
    const std::optional<simdjson::dom::object> properties = object ? properties_of(*object) : std::nullopt;
    if (!properties) {
      return invalid_input("names no properties at its top, and these are the columns");
    }
    path_.push_back(*object);
    if (left_out != nullptr) {
      return table_of_what_fits({.fields = top_fields_of(*properties)}, record, *left_out);
    }
    Table table{.fields = fields_of(*properties)};
    return budget_.has_too_many_leaves() ? too_many_leaves() : checked_table(std::move(table), record);
  }

 private:
  std::vector<Field> fields_of(const simdjson::dom::object& properties) {
    std::vector<Field> fields;
    for (const simdjson::dom::key_value_pair& property : properties) {
      if (budget_.is_over()) {
        break;
      }
      budget_.add_name(property.key);
      fields.push_back(field(std::string(property.key), property.value));
    }
    return fields;
  }

  // As many as there are properties.
  std::vector<Field> top_fields_of(const simdjson::dom::object& properties) {
    std::vector<Field> fields;
    for (const simdjson::dom::key_value_pair& property : properties) {
      fields.push_back(budget_.top_field(std::string(property.key), [&](std::string name) {
        budget_.add_name(name);
        return field(std::move(name), property.value);
      }));
    }
    return fields;
  }

  static std::optional<simdjson::dom::object> properties_of(const element& schema) {
    simdjson::dom::object properties;
    const std::optional<element> found = member(schema, "properties");
    const bool is_object = !member(schema, "type") || one_type(*member(schema, "type")) == "object";
    return found && is_object && found->get(properties) == simdjson::SUCCESS && properties.size() > 0
               ? std::optional(properties)
               : std::nullopt;
  }

  // The schema that is meant. None: it cannot be told.
  std::optional<element> leads_to(element schema) const {
    for (std::size_t i = 0; i < k_leads_max; ++i) {
      std::optional<element> next;
      if (member(schema, "$ref")) {
        next = referred(text_of(member(schema, "$ref")).value_or(""));
      } else if (const std::optional<element> choice = choice_of(schema)) {
        next = only_branch(*choice);
      } else {
        return schema;
      }
      if (!next) {
        return std::nullopt;
      }
      schema = *next;
    }
    return std::nullopt;
  }

  std::optional<element> referred(std::string_view to) const {
    if (!to.starts_with('#')) {
      return std::nullopt;
    }
    element found;
    const std::string pointer = percent_decoded(to.substr(1));
    return root_.at_pointer(pointer).get(found) == simdjson::SUCCESS ? std::optional(found) : std::nullopt;
  }

  static std::optional<element> choice_of(const element& schema) {
    for (const char* const name : {"oneOf", "anyOf", "allOf"}) {
      if (const std::optional<element> choice = member(schema, name);
          choice && !member(schema, "properties")) {
        return choice;
      }
    }
    return std::nullopt;
  }

  static std::optional<element> only_branch(const element& choice) {
    simdjson::dom::array branches;
    std::optional<element> found;
    if (choice.get(branches) != simdjson::SUCCESS) {
      return std::nullopt;
    }
    for (const element branch : branches) {
      if (text_of(member(branch, "type")) == "null") {
        continue;
      }
      if (found) {
        return std::nullopt;
      }
      found = branch;
    }
    return found;
  }

  Field field(std::string name, const element& written) {
    Field made{.name = std::move(name), .type = FieldType::json};
    const std::optional<element> schema = leads_to(written);
    if (!schema || !schema->is_object() || !set_columns(made, *schema)) {
      budget_.add_leaf();
      made.type = schema && schema->is_object() ? leaf_type(*schema) : FieldType::json;
    }
    return made;
  }

  // False: there are no columns in it.
  bool set_columns(Field& made, const element& schema) {
    const bool circles =
        std::ranges::any_of(path_, [&](const element& around) { return same_place(around, schema); });
    if (circles || path_.size() >= k_table_depth_max) {
      return false;
    }
    const std::string_view type = member(schema, "type") ? one_type(*member(schema, "type")) : "";
    const bool untyped = !member(schema, "type");
    path_.push_back(schema);
    bool has_columns = true;
    if (const std::optional<simdjson::dom::object> properties = properties_of(schema)) {
      made.type = FieldType::record;
      made.fields = fields_of(*properties);
    } else if (const std::optional<element> items = member(schema, "items"); (type == "array" || untyped) &&
                                                                             items && items->is_object() &&
                                                                             !member(schema, "prefixItems")) {
      made.type = FieldType::list;
      made.fields.push_back(field("element", *items));
    } else if (const std::optional<element> values = member(schema, "additionalProperties");
               (type == "object" || untyped) && values && values->is_object() &&
               !member(schema, "patternProperties")) {
      budget_.add_leaf();
      made.type = FieldType::map;
      made.fields.push_back({.name = "key", .type = FieldType::text, .optional = false});
      made.fields.push_back(field("value", *values));
    } else {
      has_columns = false;
    }
    path_.pop_back();
    return has_columns;
  }

  static FieldType leaf_type(const element& schema) {
    std::string_view type;
    simdjson::dom::array values;
    if (const std::optional<element> written = member(schema, "type")) {
      type = one_type(*written);
    } else if (const std::optional<element> listed = member(schema, "enum");
               listed && listed->get(values) == simdjson::SUCCESS) {
      type = one_type_of_values(values);
    } else if (const std::optional<element> only = member(schema, "const")) {
      type = type_of_value(*only);
    }
    if (type == "string") {
      const std::string_view format = text_of(member(schema, "format")).value_or("");
      return format == "date-time" ? FieldType::timestamp_micros
             : format == "date"    ? FieldType::date
                                   : FieldType::text;
    }
    return type == "integer"   ? FieldType::int64
           : type == "number"  ? FieldType::float64
           : type == "boolean" ? FieldType::boolean
                               : FieldType::json;
  }

  element root_;
  std::vector<element> path_;  // of what lies around
  TableBudget budget_;
};

}  // namespace

Result<Table> table_of_json_schema(std::string_view text, std::string_view record,
                                   std::vector<LeftOut>* left_out) {
  return JsonSchemaTable().make(text, record, left_out);
}

}  // namespace penstock::codec
