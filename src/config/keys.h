// The one table of all keys. Parsing, the defaults, the suggestions for unknown keys and the reference page
// all come from it: a key is added there and nowhere else.
#pragma once

#include <span>
#include <string_view>

#include "config/key.h"

namespace penstock::config {

// In the order of the reference page. Keys of one section stand together.
std::span<const Key> all_keys();

// Null if there is none.
const Key* find_key(std::string_view path);

// Whether keys lie below: "source", "source.auth".
bool is_section(std::string_view path);

}  // namespace penstock::config
