// The members of one JSON object that a program branches on: texts and numbers at its top, nothing deeper.
// Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::codec {

// Members by their names.
struct JsonMembers {
  std::map<std::string, std::string, std::less<>> texts;
  std::map<std::string, double, std::less<>> numbers;
};

// Strict, and nothing else may stand around the object. Members of other types are left out; of two of one
// name the last counts. None: `text` is no JSON object.
std::optional<JsonMembers> json_members(std::string_view text);

}  // namespace penstock::codec
