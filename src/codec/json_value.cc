#include "codec/json_value.h"

#include <simdjson.h>

namespace penstock::codec {
namespace {

constexpr std::size_t k_depth_max = 32;

JsonValue value_of(const simdjson::dom::element& element) {
  JsonValue value;
  std::string_view text;
  double number = 0;
  bool truth = false;
  simdjson::dom::array items;
  simdjson::dom::object members;
  if (element.get(text) == simdjson::SUCCESS) {
    value.text = text;
  } else if (element.get(number) == simdjson::SUCCESS) {
    value.number = number;
  } else if (element.get(truth) == simdjson::SUCCESS) {
    value.truth = truth;
  } else if (element.get(items) == simdjson::SUCCESS) {
    for (const simdjson::dom::element item : items) {
      value.items.push_back(value_of(item));
    }
  } else if (element.get(members) == simdjson::SUCCESS) {
    for (const simdjson::dom::key_value_pair& member : members) {
      value.members.insert_or_assign(std::string(member.key), value_of(member.value));
    }
  }
  return value;
}

}  // namespace

const JsonValue& JsonValue::operator[](std::string_view name) const {
  static const JsonValue nothing;
  const auto found = members.find(name);
  return found == members.end() ? nothing : found->second;
}

std::optional<JsonValue> json_object(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (parser.allocate(text.size(), k_depth_max) != simdjson::SUCCESS ||
      parser.parse(simdjson::padded_string(text)).get(element) != simdjson::SUCCESS || !element.is_object()) {
    return std::nullopt;
  }
  return value_of(element);
}

}  // namespace penstock::codec
