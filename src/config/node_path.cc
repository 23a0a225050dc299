#include "config/node_path.h"

#include <algorithm>

namespace penstock::config {

const Node* node_at(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string_view key = path.substr(0, dot);
    const auto found = std::find_if(node->items.begin(), node->items.end(),
                                    [key](const Node& item) { return item.key == key; });
    if (node->kind != NodeKind::map || found == node->items.end()) {
      return nullptr;
    }
    node = &*found;
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  }
  return node;
}

}  // namespace penstock::config
