// A connection string of Azure taken apart: "Name=value;Name=value", as people paste it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

namespace penstock {

struct ConnectionPart {
  std::string name;   // as written: compare it with same_word()
  std::string value;  // may be a secret, and hold '='
};

// Takes quotes, a byte order mark and white space around the whole off, line breaks anywhere, white space
// around names and values, and empty parts. Error invalid_input: a part has no '='. It shows nothing of the
// text.
Result<std::vector<ConnectionPart>> connection_parts(std::string_view text);

// The value of the last part with that name; empty if there is none.
std::string value_of_part(const std::vector<ConnectionPart>& parts, std::string_view name);

// The same parts as one text, without what connection_parts() takes off.
std::string joined(const std::vector<ConnectionPart>& parts);

}  // namespace penstock
