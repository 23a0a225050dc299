// A YAML text as a tree with line numbers: all that the rest of this module knows of YAML.
//
// Built from the parser's events and not from its node tree, which forgets the first of two equal keys.
// Anchors, aliases and a second document are refused: a configuration says each thing once, where it
// is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <penstock/result.h>

namespace penstock::config {

enum class NodeKind : std::uint8_t { null, scalar, list, map };

struct Node {
  NodeKind kind = NodeKind::null;
  // From 1. In a map it is the line of the key.
  int line = 1;
  // Of a node in a map. Equal keys are all there, in order.
  std::string key{};
  // Of a scalar.
  std::string text{};
  // Of a scalar: where it begins in the text, in bytes, with its quote if it has one.
  std::size_t begin = 0;
  // Of a scalar whose text was drawn from files (load.cc): which, and how to draw it again.
  std::vector<std::string> files{};
  std::function<Result<std::string>()> draw_again{};
  // Of a list or a map.
  std::vector<Node> items{};
};

// An empty text gives a null node. Errors: the message is "file:line: what, and what to write".
Result<Node> parse_document(const std::string& text, const std::string& file);

}  // namespace penstock::config
