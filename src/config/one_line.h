// What a message shows of a text from outside must not end its line, nor steer a terminal. Pure.
#pragma once

#include <string>
#include <string_view>

namespace penstock::config {

// The text with a '?' in place of each control character.
std::string one_line(std::string_view text);

}  // namespace penstock::config
