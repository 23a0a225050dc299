#include "config/shown.h"

#include <string_view>

#include "base/concat.h"
#include "config/keys.h"
#include "config/one_line.h"

namespace penstock::config {
namespace {

constexpr std::string_view k_secret = "(secret)";

// Three defaults depend on batch.format.
std::string unwritten_value(const Key& key, const Settings& settings) {
  if (key.path == "batch.path") {
    return settings.batch.path;
  }
  if (key.path == "batch.group_by" && settings.batch.group_by == GroupBy::partition) {
    return "partition";
  }
  if (key.path == "batch.compression") {
    return std::string(to_string(settings.batch.compression));
  }
  return std::string(key.fallback);
}

}  // namespace

std::string shown_value(const Key& key, const Node& node) {
  // What is passed to librdkafka may be a password.
  if (key.kind == Kind::secret || key.kind == Kind::mapping) {
    return std::string(k_secret);
  }
  if (node.kind != NodeKind::list) {
    return one_line(node.text);
  }
  std::string items;
  for (const Node& item : node.items) {
    items += concat(items.empty() ? "" : ", ", one_line(item.text));
  }
  return items;
}

std::vector<ShownKey> shown_configuration(const Settings& settings) {
  std::vector<ShownKey> all;
  for (const Key& key : all_keys()) {
    if (const auto found = settings.shown.find(std::string(key.path)); found != settings.shown.end()) {
      all.push_back({.path = found->first, .value = found->second, .written = true});
    } else if (key.kind == Kind::overrides) {
      for (auto each = settings.shown.lower_bound("overrides["); each != settings.shown.end(); ++each) {
        if (!each->first.starts_with("overrides[")) {
          break;
        }
        all.push_back({.path = each->first, .value = each->second, .written = true});
      }
    } else if (!key.fallback.empty()) {
      all.push_back({.path = std::string(key.path), .value = unwritten_value(key, settings)});
    }
  }
  return all;
}

}  // namespace penstock::config
