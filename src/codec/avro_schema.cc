// How it works
//
// simdjson makes a tree of the text, and AvroSchemaParser goes through it once. compile() is given a type as
// it is written, a name, a list or an object, and returns the number of its node. A named type takes its
// number, and its place in `named_`, before what is in it is compiled. So it may be named in there. The parts
// of a node are gathered while its inner types add theirs, and are put behind those at the end.
//
// For example, `{"type":"record","name":"a.List","fields":[{"name":"next","type":["null","List"]}]}`:
//
// 1. record() takes node 0 for "a.List", and goes on in the namespace "a".
// 2. The field `next` is a list: node 1, with the branches "null", node 2, and "List". That name has no dot,
//    so "a." is put before it, and it is found: node 0.
// 3. Node 1 puts its branches into parts 0 and 1. Node 0 puts its field into part 2.
//
// `where_` holds the names of the fields that lie around what is being compiled, for messages:
// "order.lines.price: ...".
#include "codec/avro_schema.h"

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <simdjson.h>

#include "base/concat.h"
#include "base/json_string.h"

namespace penstock::codec {
namespace {

using simdjson::dom::element;

// Of the text. A record within a record takes four levels.
constexpr std::size_t k_schema_depth_max = 256;

// Of a name or symbol.
constexpr std::size_t k_avro_name_bytes_max = 1024;

// What a message shows of a name.
constexpr std::size_t k_avro_shown_bytes_max = 60;

std::string shown_name(std::string_view name) {
  return json_string(name.substr(0, k_avro_shown_bytes_max));
}

std::optional<std::string_view> text_member(const element& object, const char* name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? std::optional(text) : std::nullopt;
}

std::optional<std::uint64_t> number_member(const element& object, const char* name) {
  std::uint64_t number = 0;
  return object[name].get(number) == simdjson::SUCCESS ? std::optional(number) : std::nullopt;
}

std::optional<AvroType> primitive_of(std::string_view name) {
  static const std::map<std::string_view, AvroType> known{
      {"null", AvroType::null},   {"boolean", AvroType::boolean}, {"int", AvroType::int32},
      {"long", AvroType::int64},  {"float", AvroType::float32},   {"double", AvroType::float64},
      {"bytes", AvroType::bytes}, {"string", AvroType::text},
  };
  const auto found = known.find(name);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

// `type`, if that is no logical type that lies in it.
AvroType logical_of(AvroType type, std::string_view name, std::uint32_t size) {
  struct Logical {
    std::string_view name;
    AvroType lies_in;
    AvroType type;
    std::uint32_t size = 0;
  };
  static constexpr Logical k_known[] = {
      {"date", AvroType::int32, AvroType::date},
      {"time-millis", AvroType::int32, AvroType::time_millis},
      {"time-micros", AvroType::int64, AvroType::time_micros},
      {"timestamp-millis", AvroType::int64, AvroType::timestamp_millis},
      {"timestamp-micros", AvroType::int64, AvroType::timestamp_micros},
      {"timestamp-nanos", AvroType::int64, AvroType::timestamp_nanos},
      {"local-timestamp-millis", AvroType::int64, AvroType::local_timestamp_millis},
      {"local-timestamp-micros", AvroType::int64, AvroType::local_timestamp_micros},
      {"local-timestamp-nanos", AvroType::int64, AvroType::local_timestamp_nanos},
      {"uuid", AvroType::fixed, AvroType::fixed_uuid, 16},
      {"duration", AvroType::fixed, AvroType::duration, 12},
  };
  for (const Logical& known : k_known) {
    if (known.name == name && known.lies_in == type && known.size == size) {
      return known.type;
    }
  }
  return type;
}

// The digits that every number of so many bytes in two's complement can have.
double digits_in(std::uint32_t bytes) {
  return bytes == 0 ? 0 : std::floor((8.0 * bytes - 1) * std::log10(2.0));
}

}  // namespace

class AvroSchemaParser {
 public:
  Result<AvroSchema> parse(std::string_view json) {
    simdjson::dom::parser parser;
    element root;
    if (json.size() > AvroSchema::k_text_bytes_max) {
      return fault(concat("is larger than ", AvroSchema::k_text_bytes_max, " bytes"));
    }
    if (parser.allocate(json.size(), k_schema_depth_max) != simdjson::SUCCESS ||
        parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS) {
      return fault(concat("is not JSON, or is nested deeper than ", k_schema_depth_max, " levels"));
    }
    if (const Result<std::uint32_t> compiled = compile(root, ""); !compiled.ok()) {
      return compiled.error();
    }
    schema_.written_ = json;
    return std::move(schema_);
  }

 private:
  using Number = Result<std::uint32_t>;

  Error fault(const std::string& what) const {
    std::string path;
    for (const std::string& name : where_) {
      path += concat(path.empty() ? "has at the field " : ".", name);
    }
    return make_error(ErrorKind::invalid_input, Action::fatal,
                      path.empty() ? what : concat(path, " a type that ", what));
  }

  std::uint32_t add(const AvroSchema::Node& node) {
    schema_.nodes_.push_back(node);
    return static_cast<std::uint32_t>(schema_.nodes_.size() - 1);
  }

  void set_parts(std::uint32_t number, const std::vector<AvroSchema::Part>& parts) {
    schema_.nodes_[number].first = static_cast<std::uint32_t>(schema_.parts_.size());
    schema_.nodes_[number].count = static_cast<std::uint32_t>(parts.size());
    schema_.parts_.insert(schema_.parts_.end(), parts.begin(), parts.end());
  }

  // Escaping makes six bytes of one at most, so these numbers stay far below 32 bits. A text that needs it
  // stands there a second time, as it is.
  AvroSchema::Part written(std::string_view before, std::string_view text, std::string_view behind) {
    const auto begins = static_cast<std::uint32_t>(schema_.texts_.size());
    schema_.texts_ += before;
    append_json_string(schema_.texts_, text);
    schema_.texts_ += behind;
    const auto ends = static_cast<std::uint32_t>(schema_.texts_.size());
    AvroSchema::Part part{.begins = begins, .bytes = ends - begins};
    part.name_bytes = static_cast<std::uint32_t>(text.size());
    part.name_begins = begins + static_cast<std::uint32_t>(before.size()) + 1;  // behind the quote
    if (part.bytes != before.size() + text.size() + behind.size() + 2) {
      part.name_begins = ends;
      schema_.texts_ += text;
    }
    return part;
  }

  Number compile(const element& type, const std::string& space) {
    std::string_view name;
    simdjson::dom::array branches;
    if (type.get(name) == simdjson::SUCCESS) {
      return named(name, space);
    }
    if (type.get(branches) == simdjson::SUCCESS) {
      return choice(branches, space);
    }
    if (type.is_object()) {
      return object(type, space);
    }
    return fault("is no name, list or object; write for example \"string\"");
  }

  Number named(std::string_view name, const std::string& space) {
    if (const std::optional<AvroType> primitive = primitive_of(name)) {
      return add({.type = *primitive});
    }
    const auto found = named_.find(full_name(name, space));
    if (found == named_.end()) {
      return fault(concat("names ", shown_name(name), ", which is not defined before"));
    }
    return found->second;
  }

  static std::string full_name(std::string_view name, std::string_view space) {
    const bool is_full = name.find('.') != std::string_view::npos || space.empty();
    return is_full ? std::string(name) : concat(space, ".", name);
  }

  Number object(const element& type, const std::string& space) {
    element inner;
    if (type["type"].get(inner) != simdjson::SUCCESS) {
      return fault("has no \"type\"");
    }
    const std::optional<std::string_view> kind = text_member(type, "type");
    if (!kind) {
      return compile(inner, space);
    }
    if (*kind == "record" || *kind == "error") {
      return record(type, space);
    }
    if (*kind == "enum") {
      return symbols(type, space);
    }
    if (*kind == "fixed") {
      return fixed(type, space);
    }
    if (*kind == "array" || *kind == "map") {
      return collection(type, *kind == "array" ? AvroType::array : AvroType::map, space);
    }
    Number number = named(*kind, space);
    if (number.ok() && primitive_of(*kind)) {
      return logical(type, *number);
    }
    return number;
  }

  // The node has the type that `type` lies in.
  Number logical(const element& type, std::uint32_t number) {
    AvroSchema::Node& node = schema_.nodes_[number];
    const std::string_view name = text_member(type, "logicalType").value_or("");
    if (name != "decimal") {
      node.type = logical_of(node.type, name, node.size);
      return number;
    }
    const std::uint64_t precision = number_member(type, "precision").value_or(0);
    const std::uint64_t scale =
        type["scale"].error() == simdjson::SUCCESS ? number_member(type, "scale").value_or(UINT64_MAX) : 0;
    const bool lies_in_fixed = node.type == AvroType::fixed;
    if (precision == 0 || scale > precision || (!lies_in_fixed && node.type != AvroType::bytes) ||
        (lies_in_fixed && static_cast<double>(precision) > digits_in(node.size))) {
      return number;
    }
    if (precision > AvroSchema::k_precision_max) {
      return fault(concat("is a decimal of ", precision, " digits, and at most ", AvroSchema::k_precision_max,
                          " are written"));
    }
    node.type = lies_in_fixed ? AvroType::fixed_decimal : AvroType::decimal;
    node.scale = static_cast<std::uint32_t>(scale);
    node.precision = static_cast<std::uint32_t>(precision);
    return number;
  }

  // Takes the name of a type that is defined here, and gives the namespace of what is in it.
  Result<std::string> define(const element& type, const std::string& space, std::uint32_t number) {
    const std::optional<std::string_view> name = text_member(type, "name");
    if (!name || name->empty() || name->size() > k_avro_name_bytes_max) {
      return fault(concat("is a record, an enum or fixed, and has no \"name\" of 1 to ",
                          k_avro_name_bytes_max, " bytes"));
    }
    const std::string own_space(text_member(type, "namespace").value_or(space));
    const std::string full = full_name(*name, own_space);
    if (primitive_of(full) || !named_.emplace(full, number).second) {
      return fault(concat("defines ", shown_name(full), " a second time"));
    }
    const std::size_t dot = full.rfind('.');
    if (number == 0 && schema_.nodes_.front().type == AvroType::record) {
      schema_.record_name_ = dot == std::string::npos || dot + 1 == full.size() ? full : full.substr(dot + 1);
    }
    return full.substr(0, dot == std::string::npos ? 0 : dot);
  }

  Number record(const element& type, const std::string& space) {
    const std::uint32_t number = add({.type = AvroType::record});
    const Result<std::string> inner_space = define(type, space, number);
    if (!inner_space.ok()) {
      return inner_space.error();
    }
    simdjson::dom::array fields;
    if (type["fields"].get(fields) != simdjson::SUCCESS) {
      return fault("is a record without a list of \"fields\"");
    }
    std::vector<AvroSchema::Part> parts;
    std::set<std::string_view> names;
    for (const element field : fields) {
      const std::optional<std::string_view> name = text_member(field, "name");
      element field_type;
      if (!name || name->empty() || name->size() > k_avro_name_bytes_max) {
        return fault("is a record, and one of its fields has no \"name\"");
      }
      if (!names.insert(*name).second) {
        return fault(concat("is a record, and has the field ", shown_name(*name), " twice"));
      }
      if (field["type"].get(field_type) != simdjson::SUCCESS) {
        return fault(concat("is a record, and its field ", shown_name(*name), " has no \"type\""));
      }
      where_.push_back(shown_name(*name));
      const Number compiled = compile(field_type, *inner_space);
      if (!compiled.ok()) {
        return compiled.error();
      }
      where_.pop_back();
      parts.push_back(written(parts.empty() ? "{" : ",", *name, ":"));
      parts.back().node = *compiled;
    }
    set_parts(number, parts);
    return number;
  }

  Number symbols(const element& type, const std::string& space) {
    const std::uint32_t number = add({.type = AvroType::symbols});
    if (const Result<std::string> defined = define(type, space, number); !defined.ok()) {
      return defined.error();
    }
    simdjson::dom::array symbols;
    if (type["symbols"].get(symbols) != simdjson::SUCCESS) {
      return fault("is an enum without a list of \"symbols\"");
    }
    std::vector<AvroSchema::Part> parts;
    std::set<std::string_view> seen;
    for (const element symbol : symbols) {
      std::string_view text;
      if (symbol.get(text) != simdjson::SUCCESS || !seen.insert(text).second) {
        return fault("is an enum with a symbol that is no text, or stands there twice");
      }
      parts.push_back(written("", text, ""));
    }
    set_parts(number, parts);
    return number;
  }

  Number fixed(const element& type, const std::string& space) {
    const std::uint32_t number = add({.type = AvroType::fixed});
    if (const Result<std::string> defined = define(type, space, number); !defined.ok()) {
      return defined.error();
    }
    const std::optional<std::uint64_t> size = number_member(type, "size");
    if (!size || *size > INT32_MAX) {
      return fault("is fixed, and has no \"size\" of 0 to 2147483647");
    }
    schema_.nodes_[number].size = static_cast<std::uint32_t>(*size);
    return logical(type, number);
  }

  Number collection(const element& type, AvroType kind, const std::string& space) {
    const char* const member = kind == AvroType::array ? "items" : "values";
    element inner;
    if (type[member].get(inner) != simdjson::SUCCESS) {
      return fault(concat("is an array without \"items\", or a map without \"values\""));
    }
    const std::uint32_t number = add({.type = kind});
    const Number compiled = compile(inner, space);
    if (!compiled.ok()) {
      return compiled.error();
    }
    set_parts(number, {{.node = *compiled}});
    return number;
  }

  Number choice(const simdjson::dom::array& branches, const std::string& space) {
    const std::uint32_t number = add({.type = AvroType::choice});
    std::vector<AvroSchema::Part> parts;
    for (const element branch : branches) {
      if (branch.is_array()) {
        return fault("is a union within a union");
      }
      const Number compiled = compile(branch, space);
      if (!compiled.ok()) {
        return compiled.error();
      }
      parts.push_back({.node = *compiled});
    }
    if (parts.empty()) {
      return fault("is a union without branches");
    }
    set_parts(number, parts);
    return number;
  }

  AvroSchema schema_;
  std::map<std::string, std::uint32_t, std::less<>> named_;
  std::vector<std::string> where_;
};

Result<AvroSchema> AvroSchema::parse(std::string_view json) {
  return AvroSchemaParser().parse(json);
}

}  // namespace penstock::codec
