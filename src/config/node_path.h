// Finds a node of a document by the path that a key has.
#pragma once

#include <string_view>

#include "config/document.h"

namespace penstock::config {

// "source.auth.type". Null if there is none.
const Node* node_at(const Node& root, std::string_view path);

}  // namespace penstock::config
