// How it works
//
// The parser calls TreeBuilder per event. A container that has begun and not ended stands on a stack, and a
// node that is complete goes to add(), which gives it to the container on top. To a map it gives keys and
// values in turn. For example:
//
//   1  batch:
//   2    max_age: 5s
//
// 1. A map begins, and is put on the stack. The scalar "batch" is a node like any other. The map on top has
//    no key yet, so "batch" becomes its key, with line 1.
// 2. Another map begins. "max_age" becomes its key, and "5s" the value: an item of that map.
// 3. The inner map ends, and is taken off the stack. It goes to add() as "5s" did, and is the value of
//    "batch". Its line is 1, that of its key, and not 2, where the map itself begins.
// 4. The outer map ends. The stack is empty, so it is the root.
//
// What is refused is thrown, since a callback has no other way to stop the parser. parse_document() catches
// it with the parser's own exceptions, and none leaves this file.
#include "config/document.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/concat.h"
#include "config/one_line.h"

namespace penstock::config {
namespace {

// yaml-cpp counts lines from 0, and has -1 for "nowhere".
int line_of(const YAML::Mark& mark) {
  return mark.line < 0 ? 1 : mark.line + 1;
}

// Thrown from within the parser's callbacks and caught in this file.
struct Refusal : std::runtime_error {
  Refusal(const YAML::Mark& mark, const char* what) : std::runtime_error(what), line(line_of(mark)) {}
  int line;
};

// Puts the events together again. What is open is a stack of containers, each with the key it waits with.
class TreeBuilder : public YAML::EventHandler {
 public:
  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw Refusal(mark, "a second document begins here; keep one, without a line of ---");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add(Node{.kind = NodeKind::null, .line = line_of(mark)}, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark, 1); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    // "?" is a plain scalar, "!" a quoted one. Plain ~ and null come as scalars too.
    const bool null = tag == "?" && (value == "~" || value == "null");
    add(Node{.kind = null ? NodeKind::null : NodeKind::scalar,
             .line = line_of(mark),
             .text = value,
             .begin = mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos)},
        mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(NodeKind::list, mark, anchor);
  }
  void OnSequenceEnd() override { end(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(NodeKind::map, mark, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    Node node;
    bool has_key = false;  // of a map: the next node is the value
    std::string key;
    int key_line = 0;
    YAML::Mark mark;
  };

  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) {
      throw Refusal(mark,
                    "anchors (&) and aliases (*) are not taken here; write the value itself, in quotes if it "
                    "begins with such a sign");
    }
  }

  // Keys are shown in messages, of which each is one line.
  static void refuse_unprintable_key(const YAML::Mark& mark, const std::string& key) {
    constexpr std::size_t k_key_bytes_max = 100;
    const bool printable = std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (key.empty() || key.size() > k_key_bytes_max || !printable) {
      throw Refusal(mark, "a key is empty, longer than 100 bytes, or not printable ASCII; write a name");
    }
  }

  void begin(NodeKind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    if (!open_.empty() && open_.back().node.kind == NodeKind::map && !open_.back().has_key) {
      throw Refusal(mark, "a key is a list or a mapping; write a name");
    }
    Open opened;
    opened.node = Node{.kind = kind, .line = line_of(mark)};
    opened.mark = mark;
    open_.push_back(std::move(opened));
  }

  void end() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    add(std::move(closed.node), closed.mark);
  }

  void add(Node node, const YAML::Mark& mark) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == NodeKind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      refuse_unprintable_key(mark, node.text);
      parent.has_key = true;
      parent.key = std::move(node.text);
      parent.key_line = line_of(mark);
    } else {
      parent.has_key = false;
      node.key = std::move(parent.key);
      node.line = parent.key_line;
      parent.node.items.push_back(std::move(node));
    }
  }

  int documents_ = 0;
  std::vector<Open> open_;
  Node root_;
};

Error refused(const std::string& file, int line, std::string_view what) {
  return make_error(ErrorKind::invalid_input, Action::fatal, concat(file, ":", line, ": ", one_line(what)));
}

}  // namespace

Result<Node> parse_document(const std::string& text, const std::string& file) {
  TreeBuilder tree;
  try {
    std::istringstream input(text);
    YAML::Parser parser(input);
    while (parser.HandleNextDocument(tree)) {
    }
  } catch (const Refusal& refusal) {
    return refused(file, refusal.line, refusal.what());
  } catch (const YAML::Exception& problem) {
    return refused(
        file, line_of(problem.mark),
        concat("is not YAML here: ", problem.msg,
               "; check the indentation (spaces, no tabs), and put values that hold { } : # $ in quotes"));
  } catch (const std::exception& problem) {
    return refused(file, 1, concat("cannot be read as YAML: ", problem.what()));
  }
  return tree.take();
}

}  // namespace penstock::config
