#include "azure/query_parameter.h"

#include <algorithm>

namespace penstock::azure {

std::string_view query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    if (one.starts_with(name) && one.substr(name.size()).starts_with('=')) {
      return one.substr(name.size() + 1);
    }
    query.remove_prefix(std::min(query.size(), one.size() + 1));
  }
  return {};
}

}  // namespace penstock::azure
