// How it works
//
// The text is parsed into nodes that know where their scalars begin (document.h). Each value that has to
// change gives an Edit: a place, a length, a replacement. The edits are made from the last to the first, so
// that no place moves before its turn, and all that is not a value stays as it was written.
//
// For example, `penstock new payments --from api-gateway.yaml`, whose line 13 is
//
//   name: api-gateway                 # CHANGE: names the consumer group
//
// 1. The node "name" has the text "api-gateway", which begins at byte 6 of that line.
// 2. The edit puts "payments" in the place of these 11 bytes. The comment moves by three columns.
// 3. admin.listen is 127.0.0.1:9464. That port is the former deployment's, and 9465 another one's: 9466.
// 4. batch.path has no "api-gateway" in it: it stays.
#include "config/new_topic.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "base/concat.h"
#include "config/addresses.h"
#include "config/document.h"
#include "config/names.h"
#include "config/node_path.h"
#include "config/settings.h"

namespace penstock::config {
namespace {

constexpr std::uint16_t k_first_port = 9464;

struct Edit {
  std::size_t begin;
  std::size_t bytes;
  std::string replacement;
};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Whole words only: "web" is in "penstock-web", and not in "webhooks".
std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t taken = 0;
  for (std::size_t at = text.find(from); !from.empty() && at != std::string_view::npos;
       at = text.find(from, at + from.size())) {
    const std::size_t end = at + from.size();
    if ((at > 0 && is_word(text[at - 1])) || (end < text.size() && is_word(text[end]))) {
      continue;
    }
    out += concat(text.substr(taken, at - taken), to);
    taken = end;
  }
  return concat(out, text.substr(taken));
}

class Rewriting {
 public:
  Rewriting(const NewTopic& wanted, const std::string& text, const std::string& file, const Node& root)
      : wanted_(wanted), text_(text), file_(file), root_(root) {}

  Result<NewConfiguration> run() {
    if (auto done = take_names(); !done.ok()) {
      return std::move(done).error();
    }
    for (const auto step : {&Rewriting::change_brokers, &Rewriting::change_group, &Rewriting::change_places,
                            &Rewriting::change_port}) {
      if (auto done = (this->*step)(); !done.ok()) {
        return std::move(done).error();
      }
    }
    return finish();
  }

 private:
  Error complaint(int line, std::string_view what) const {
    return invalid_input(concat(file_, ":", line, ": ", what));
  }

  Result<void> take_names() {
    const Node* name = node_at(root_, "name");
    if (name == nullptr || name->kind != NodeKind::scalar) {
      return invalid_input(concat(file_, ": has no name; copy from a whole configuration"));
    }
    if (node_at(root_, "source.topics_regex") != nullptr) {
      return invalid_input(concat(file_,
                                  ": reads every topic that source.topics_regex matches, and finds a new "
                                  "one by itself; copy from a configuration of one topic"));
    }
    const Node* topics = node_at(root_, "source.topics");
    const Node* topic = topics;
    if (topics != nullptr && topics->kind == NodeKind::list && topics->items.size() == 1) {
      topic = &topics->items.front();
    }
    if (topic == nullptr || topic->kind != NodeKind::scalar || topic->text.find(',') != std::string::npos) {
      return complaint(topics == nullptr ? 1 : topics->line,
                       "source.topics has not exactly one topic; copy from a configuration of one topic");
    }
    former_name_ = name->text;
    former_topic_ = topic->text;
    if (auto done = change(*name, wanted_.name); !done.ok()) {
      return done;
    }
    return change(*topic, wanted_.topic);
  }

  // One broker is written; the new ones take its place, with commas between them.
  Result<void> change_brokers() {
    if (wanted_.brokers.empty()) {
      return {};
    }
    const Node* brokers = node_at(root_, "source.brokers");
    const Node* only = brokers;
    if (brokers != nullptr && brokers->kind == NodeKind::list && brokers->items.size() == 1) {
      only = &brokers->items.front();
    }
    if (only == nullptr || only->kind != NodeKind::scalar) {
      return complaint(brokers == nullptr ? 1 : brokers->line,
                       "source.brokers has not exactly one entry; change it by hand");
    }
    return change(*only, wanted_.brokers);
  }

  Result<void> change_group() {
    if (const Node* group = node_at(root_, "source.group")) {
      std::string renamed = with_new_names(group->text);
      if (renamed == group->text) {
        renamed = concat("penstock-", wanted_.name);
      }
      if (auto done = change(*group, renamed); !done.ok()) {
        return done;
      }
    }
    const Node* instance = node_at(root_, "source.instance");
    return instance == nullptr ? Result<void>() : change(*instance, with_new_names(instance->text));
  }

  Result<void> change_places() {
    for (const std::string_view path : {"batch.path", "sink.url", "stage.dir"}) {
      const Node* node = node_at(root_, path);
      if (node == nullptr) {
        continue;
      }
      const bool is_given = path == "sink.url" && !wanted_.sink_url.empty();
      if (auto done = change(*node, is_given ? wanted_.sink_url : with_new_names(node->text)); !done.ok()) {
        return done;
      }
    }
    return {};
  }

  Result<void> change_port() {
    const Node* listen = node_at(root_, "admin.listen");
    std::set<std::uint16_t> taken = wanted_.ports_taken;
    if (listen == nullptr) {
      if (wanted_.is_from_example && !taken.contains(k_first_port)) {
        return {};
      }
      taken.insert(k_first_port);
      if (node_at(root_, "admin") != nullptr) {
        notes_.push_back(
            "admin.listen is not written: give each deployment on one machine a port of its own");
        return {};
      }
      added_ = concat("admin: {listen: 127.0.0.1:", next_free(taken, k_first_port), "}");
      return {};
    }
    AdminSettings address;
    if (listen->kind != NodeKind::scalar || !read_listen(listen->text, address).empty()) {
      notes_.push_back("admin.listen is not an address as it stands: give this deployment a port of its own");
      return {};
    }
    if (address.port == 0) {
      return {};
    }
    if (!wanted_.is_from_example) {
      taken.insert(address.port);
    }
    const std::string port = std::to_string(address.port);
    const std::size_t colon = listen->text.rfind(port);
    return change(*listen, concat(listen->text.substr(0, colon), next_free(taken, address.port)));
  }

  static std::uint16_t next_free(const std::set<std::uint16_t>& taken, std::uint16_t from) {
    std::uint16_t port = from;
    while (taken.contains(port) && port < UINT16_MAX) {
      ++port;
    }
    return port;
  }

  // The longer of the former names first: the other one may be a part of it.
  std::string with_new_names(const std::string& value) const {
    const bool topic_first = former_topic_.size() >= former_name_.size();
    const std::string& first = topic_first ? former_topic_ : former_name_;
    const std::string changed = replaced(value, first, topic_first ? wanted_.topic : wanted_.name);
    return changed != value ? changed
                            : replaced(value, topic_first ? former_name_ : former_topic_,
                                       topic_first ? wanted_.name : wanted_.topic);
  }

  Result<void> change(const Node& node, const std::string& value) {
    if (node.kind != NodeKind::scalar || value == node.text) {
      return {};
    }
    std::size_t begin = node.begin;
    if (begin < text_.size() && (text_[begin] == '"' || text_[begin] == '\'')) {
      ++begin;
    }
    if (text_.compare(begin, node.text.size(), node.text) != 0) {
      return complaint(
          node.line,
          "the value here is not written as it is read (escapes, several lines); change it by hand");
    }
    edits_.push_back({begin, node.text.size(), value});
    return {};
  }

  Result<NewConfiguration> finish() {
    std::sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) { return a.begin > b.begin; });
    NewConfiguration made{.text = text_, .former_name = former_name_, .changes = {}, .notes = notes_};
    for (const Edit& edit : edits_) {
      made.text.replace(edit.begin, edit.bytes, edit.replacement);
    }
    if (!added_.empty()) {
      made.text += concat(made.text.empty() || made.text.ends_with('\n') ? "" : "\n", added_, "\n");
    }
    made.changes = changed_lines(text_, made.text);
    return made;
  }

  // Both have the same lines but for one that may have been added at the end.
  static std::vector<ChangedLine> changed_lines(std::string_view before, std::string_view after) {
    std::vector<ChangedLine> changes;
    for (int line = 1; !after.empty(); ++line) {
      const std::string_view old_line = take_line(before);
      const std::string_view new_line = take_line(after);
      if (old_line != new_line) {
        changes.push_back({line, std::string(old_line), std::string(new_line)});
      }
    }
    return changes;
  }

  static std::string_view take_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
  }

  const NewTopic& wanted_;
  const std::string& text_;
  const std::string& file_;
  const Node& root_;
  std::string former_name_;
  std::string former_topic_;
  std::vector<Edit> edits_;
  std::string added_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<NewConfiguration> configuration_for(const NewTopic& wanted, const std::string& text,
                                           const std::string& file) {
  if (const Complaint bad = check_topics({wanted.topic}); !bad.empty()) {
    return invalid_input(concat("the topic ", bad));
  }
  if (const Complaint bad = check_name(wanted.name); !bad.empty()) {
    return invalid_input(concat("the deployment's name ", bad));
  }
  const Result<Node> root = parse_document(text, file);
  if (!root.ok()) {
    return root.error();
  }
  return Rewriting(wanted, text, file, *root).run();
}

}  // namespace penstock::config
