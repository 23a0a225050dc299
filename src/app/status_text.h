// What `status` and `top` show of an instance: lines of text, of what /api/status answered. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "codec/json_value.h"

namespace penstock::app {

struct StatusFrame {
  // No line is wider.
  std::size_t columns = 100;
  // No more lines. 0: as many as there are.
  std::size_t rows = 0;
};

std::vector<std::string> status_lines(const codec::JsonValue& status, const StatusFrame& frame);

// "ready", or what is in the way.
std::string state_sentence(const codec::JsonValue& status);

}  // namespace penstock::app
