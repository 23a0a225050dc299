// A JSON text as a tree, for programs that read more of it than json_members(). Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::codec {

// What it is follows from which of these is filled. An absent member reads as an empty value.
struct JsonValue {
  std::string text;  // of a string
  std::optional<double> number;
  bool truth = false;
  std::vector<JsonValue> items;                           // of an array
  std::map<std::string, JsonValue, std::less<>> members;  // of an object; of two of one name the last counts

  // An empty value where there is no such member.
  const JsonValue& operator[](std::string_view name) const;
};

// Strict. None: it is no JSON object, or is nested too deeply.
std::optional<JsonValue> json_object(std::string_view text);

}  // namespace penstock::codec
