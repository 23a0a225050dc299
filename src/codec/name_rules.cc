#include "codec/name_rules.h"

#include <algorithm>

#include "base/concat.h"
#include "base/control_character.h"

namespace penstock::codec {
namespace {

constexpr std::size_t k_shown_bytes_max = 60;

// A part for a message: that of a long topic would hide what is said about it.
std::string shown(std::string_view part) {
  const bool cut = part.size() > k_shown_bytes_max;
  return concat('"', part.substr(0, k_shown_bytes_max), cut ? "..." : "", '"');
}

std::string length_fault(std::string_view part, std::size_t bytes_max) {
  return part.size() > bytes_max
             ? concat("can have ", part.size(), " bytes, and the sink holds at most ", bytes_max)
             : std::string();
}

}  // namespace

std::string part_fault(std::string_view part) {
  if (part.empty()) {
    return "is empty, as between two '/'";
  }
  if (has_control_character(part) || part.find('\\') != std::string_view::npos) {
    return "holds a control character or a backslash";
  }
  if (part.front() == '_' || part.front() == '.') {
    return concat("begins with '", part.front(), "', and Auto Loader and Spark skip such names");
  }
  if (part.back() == '.') {
    return "ends with '.', which Azure drops";
  }
  return {};
}

std::string name_fault(std::string_view name, const NameRoom& room) {
  if (name.size() > room.bytes_max) {
    return concat("can have ", name.size(), " bytes, and there is room for ", room.bytes_max);
  }
  const auto parts = static_cast<std::size_t>(std::count(name.begin(), name.end(), '/')) + 1;
  if (parts > room.parts_max) {
    return concat("has ", parts, " parts between '/', and there is room for ", room.parts_max);
  }
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    std::string fault = part_fault(part);
    if (fault.empty()) {
      fault = length_fault(part, end == name.size() ? room.last_part_bytes_max : room.part_bytes_max);
    }
    if (!fault.empty()) {
      return concat("has the part ", shown(part), ", which ", fault);
    }
    begin = end + 1;
  }
  return {};
}

}  // namespace penstock::codec
