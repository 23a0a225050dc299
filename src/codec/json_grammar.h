// The grammar of JSON (RFC 8259) by a walk over the text, without memory of its own and without a limit to
// the text. simdjson is several times as fast, and needs both. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock::codec {

// How deep arrays and objects may lie in each other. Common readers stop at 1,000.
inline constexpr std::size_t k_json_depth_max = 512;

// Whether `text` is exactly one JSON value: UTF-8, white space around it or none, numbers of any size, no
// half of a surrogate pair, and no deeper than k_json_depth_max.
bool follows_json_grammar(std::string_view text);

}  // namespace penstock::codec
