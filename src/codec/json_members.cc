#include "codec/json_members.h"

#include <simdjson.h>

namespace penstock::codec {

std::optional<JsonMembers> json_members(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(text)).get(object) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  JsonMembers members;
  for (const simdjson::dom::key_value_pair& member : object) {
    std::string_view word;
    double number = 0;
    if (member.value.get(word) == simdjson::SUCCESS) {
      members.texts.insert_or_assign(std::string(member.key), std::string(word));
    } else if (member.value.get(number) == simdjson::SUCCESS) {
      members.numbers.insert_or_assign(std::string(member.key), number);
    }
  }
  return members;
}

}  // namespace penstock::codec
