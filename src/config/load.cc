// How it works
//
// A text becomes a tree of nodes with their lines (document.h). Every default of the table of keys is then
// parsed as if it had been written. Walk goes through the tree and finds each node's key in the table; the
// key's own function reads the value. What is wrong goes to the Report, and the walk goes on, so that all
// faults are told at once. Last, validate() looks at what no key can tell alone.
//
// For example, a file that begins so:
//
//   1  name: web
//   2  batch:
//   3    max_age: soon
//   4    max_bites: 1MiB
//   5  overrides:
//   6    - {match: ^pay, batch: {compression: gzip}}
//
// 1. "name" is a key: its function reads "web".
// 2. "batch" is no key but a section, since "batch.max_age" and others are keys. section() goes into it.
// 3. "batch.max_age" is a key: its function has a complaint, and the setting keeps its default, 60s.
// 4. "batch.max_bites" is neither: nearest() finds max_bytes, which the complaint suggests.
// 5. "overrides" is kept for the end, since an override begins as a copy of the general batch settings,
//    wherever they stand in the file. Its "batch" is then a section again, with keys of the same names, but
//    into the copy. In messages they are called "overrides[0].batch.compression".
// 6. stage.dir is not written: with STATE_DIRECTORY=/var/lib/penstock/web, as systemd sets it, it is
//    /var/lib/penstock, so that the stage, <stage.dir>/<name>, is that directory.
// 7. validate() misses source.brokers, source.topics and sink.url. It concludes nothing from batch.max_age.
// 8. The error has a line for each of these, in the order of the file's lines.
#include "config/load.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/concat.h"
#include "config/document.h"
#include "config/keys.h"
#include "config/readers.h"
#include "config/report.h"
#include "config/shown.h"
#include "config/suggest.h"
#include "config/topic_pattern.h"
#include "config/validate.h"

namespace penstock::config {
namespace {

// The names that may stand below `prefix` ("", "source.", "source.auth."), in the table's order.
std::vector<std::string_view> names_below(std::string_view prefix) {
  std::vector<std::string_view> names;
  for (const Key& key : all_keys()) {
    if (!key.path.starts_with(prefix)) {
      continue;
    }
    const std::string_view rest = key.path.substr(prefix.size());
    const std::string_view name = rest.substr(0, rest.find('.'));
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  }
  return names;
}

// A key that is none, as it may be shown. What does not look like a key may be a secret in the wrong place.
std::string word_of(const std::string& key) {
  constexpr std::size_t k_bytes_max = 40;
  const bool is_word = key.size() <= k_bytes_max && std::all_of(key.begin(), key.end(), [](unsigned char c) {
                         return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
                       });
  return is_word ? key : "(something)";
}

std::string_view last_name(std::string_view path) {
  return path.substr(path.rfind('.') + 1);  // npos + 1 is 0: all of it
}

Complaint unknown_key(std::string_view name, std::string_view prefix) {
  const std::vector<std::string_view> names = names_below(prefix);
  if (const std::string_view near = nearest(name, names); !near.empty()) {
    return concat("is not a key; did you mean ", prefix, near, "?");
  }
  // The right name in the wrong section.
  for (const Key& key : all_keys()) {
    if (last_name(key.path) == name) {
      return concat("is not a key; did you mean ", key.path, "?");
    }
  }
  Complaint complaint = "is not a key; the keys here are ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    complaint += concat(i == 0 ? "" : ", ", names[i]);
  }
  return complaint;
}

void apply_defaults(Settings& settings) {
  for (const Key& key : all_keys()) {
    if (!key.fallback.empty()) {
      Node node;
      node.kind = NodeKind::scalar;
      node.text = key.fallback;
      CHECK(key.parse(key, node, settings) == "");
    }
  }
}

// Replaces the ${...} of a node and of all in it. What is wrong with the first that fails.
Complaint expand_all(Node& node, const Environment& environment) {
  if (node.kind == NodeKind::scalar) {
    Environment recording = environment;
    recording.read_file = [&environment, &node](const std::string& path) {
      node.files.push_back(path);
      return environment.read_file(path);
    };
    Result<std::string> text = expand(node.text, recording);
    if (!text) {
      return text.error().message;
    }
    node.draw_again = [written = node.text, environment] { return expand(written, environment); };
    node.text = *std::move(text);
  }
  for (Node& item : node.items) {
    if (Complaint complaint = expand_all(item, environment); !complaint.empty()) {
      return complaint;
    }
  }
  return {};
}

// Goes through the tree and fills in the settings.
class Walk {
 public:
  Walk(const Environment& environment, Settings& settings, Report& report)
      : environment_(environment), settings_(settings), report_(report) {}

  void root(Node& node) {
    if (node.kind == NodeKind::scalar || node.kind == NodeKind::list) {
      report_.add_at(node.line, "(all of it)", "is not a mapping; begin with name: and the other keys");
      return;
    }
    section(node, "", "", settings_);
    overrides();
  }

 private:
  // The keys of one mapping. `shown` begins their names in messages ("overrides[0].batch."), `prefix` in the
  // table ("batch.").
  void section(Node& map, const std::string& shown, const std::string& prefix, Settings& target) {
    std::map<std::string, int> seen;
    for (Node& item : map.items) {
      const std::string path = shown + item.key;
      const auto [first, is_new] = seen.emplace(item.key, item.line);
      if (!is_new) {
        report_.add_at(item.line, shown + word_of(item.key),
                       concat("is given twice, first at line ", first->second, "; remove one"));
        continue;
      }
      entry(item, path, shown, prefix, target);
    }
  }

  void entry(Node& item, const std::string& path, const std::string& shown, const std::string& prefix,
             Settings& target) {
    const std::string table_path = prefix + item.key;
    if (const Key* key = find_key(table_path)) {
      settings_.lines.emplace(path, item.line);
      if (key->kind == Kind::overrides) {
        overrides_ = &item;
      } else {
        value(*key, item, path, target);
      }
    } else if (is_section(table_path)) {
      settings_.lines.emplace(path, item.line);
      subsection(item, path, table_path, target);
    } else {
      report_.add_at(item.line, shown + word_of(item.key), unknown_key(item.key, prefix));
    }
  }

  void value(const Key& key, Node& item, const std::string& path, Settings& target) {
    settings_.shown[path] = shown_value(key, item);
    Complaint complaint = expand_all(item, environment_);
    if (complaint.empty()) {
      complaint = key.parse(key, item, target);
    }
    if (!complaint.empty()) {
      report_.add(path, complaint);
    }
  }

  void subsection(Node& item, const std::string& path, const std::string& table_path, Settings& target) {
    if (item.kind == NodeKind::map) {
      section(item, path + ".", table_path + ".", target);
    } else {
      report_.add(path,
                  concat(item.kind == NodeKind::null ? "holds nothing" : "is not a mapping",
                         "; write its keys below it, or {", names_below(table_path + ".").front(), ": ...}"));
    }
  }

  // After all else, since an override begins with the general batch settings, wherever they stand in the
  // file.
  void overrides() {
    if (overrides_ == nullptr || overrides_->kind == NodeKind::null) {
      return;
    }
    if (overrides_->kind != NodeKind::list) {
      report_.add("overrides", "is not a list; write - {match: \"^payments\", batch: {max_age: 10s}}");
      return;
    }
    for (std::size_t i = 0; i < overrides_->items.size(); ++i) {
      override_entry(overrides_->items[i], concat("overrides[", i, "]"));
    }
  }

  void override_entry(Node& entry, const std::string& path) {
    settings_.lines.emplace(path, entry.line);
    Override result{.match = {}, .batch = settings_.batch};
    bool has_match = false;
    std::map<std::string, int> seen;
    for (Node& item : entry.items) {
      const std::string item_path = concat(path, ".", item.key);
      const auto [first, is_new] = seen.emplace(item.key, item.line);
      if (!is_new) {
        report_.add_at(item.line, concat(path, ".", word_of(item.key)),
                       concat("is given twice, first at line ", first->second, "; remove one"));
        continue;
      }
      settings_.lines.emplace(item_path, item.line);
      if (item.key == "match") {
        has_match = true;
        match(item, item_path, result);
      } else if (item.key == "batch") {
        Settings changed;
        changed.batch = settings_.batch;
        subsection(item, item_path, "batch", changed);
        result.batch = std::move(changed.batch);
      } else {
        report_.add_at(item.line, concat(path, ".", word_of(item.key)),
                       "is not a key; an override has match and batch");
      }
    }
    if (!has_match) {
      report_.add(path, "has no match; write {match: \"^payments\", batch: {max_age: 10s}}");
    }
    settings_.overrides.push_back(std::move(result));
  }

  void match(Node& item, const std::string& path, Override& out) {
    std::string expression;
    settings_.shown[path] = item.text;
    Complaint complaint = expand_all(item, environment_);
    if (complaint.empty()) {
      complaint = read_text(item, expression);
    }
    if (complaint.empty()) {
      Result<TopicPattern> pattern = TopicPattern::compile(expression);
      if (pattern) {
        out.match = *std::move(pattern);
        return;
      }
      complaint = pattern.error().message;
    }
    report_.add(path, complaint);
  }

  const Environment& environment_;
  Settings& settings_;
  Report& report_;
  Node* overrides_ = nullptr;
};

// The stage goes where systemd lets the unit write: into the first directory of STATE_DIRECTORY.
void follow_state_directory(Settings& settings, const Environment& environment) {
  const std::string given = environment.variable("STATE_DIRECTORY").value_or("");
  const std::filesystem::path first = given.substr(0, given.find(':'));
  if (!first.is_absolute() || settings.lines.contains("stage.dir")) {
    return;
  }
  const std::filesystem::path clean = (first / "").lexically_normal().parent_path();
  settings.stage.dir = clean.filename() == settings.name ? clean.parent_path() : clean;
}

// Where Capture puts its files. What tells ours apart follows the second.
constexpr std::string_view k_capture_path = "{namespace}/{topic}/{partition}/{yyyy}/{MM}/{dd}/{HH}/{mm}/{ss}";

// A file of Capture has one partition, and lies where Capture puts it, unless something else is written: for
// the topic, or for all.
void follow_capture(const Settings& settings, BatchSettings& batch, const std::string& prefix) {
  const auto written = [&](const std::string& key) {
    return settings.lines.contains(key) || settings.lines.contains(prefix + key);
  };
  if (batch.format != Format::capture_avro) {
    return;
  }
  if (!written("batch.group_by")) {
    batch.group_by = GroupBy::partition;
  }
  if (!written("batch.path") && batch.group_by == GroupBy::partition) {
    batch.path = k_capture_path;
  }
}

// The pages of Parquet are compressed unless something else is written.
void follow_parquet(const Settings& settings, BatchSettings& batch, const std::string& prefix) {
  const std::string key = "batch.compression";
  if (batch.format == Format::parquet && !settings.lines.contains(key) &&
      !settings.lines.contains(prefix + key)) {
    batch.compression = codec::Compression::zstd;
  }
}

// A registry's clients write ids in one framing.
void follow_registry(const Settings& settings, BatchSettings& batch, const std::string& prefix) {
  const std::string key = "batch.framing";
  if (batch.schema_by_id && !settings.lines.contains(key) && !settings.lines.contains(prefix + key)) {
    batch.framing = settings.registry.type;
  }
}

void follow_formats(Settings& settings) {
  follow_registry(settings, settings.batch, "");
  follow_capture(settings, settings.batch, "");
  follow_parquet(settings, settings.batch, "");
  for (std::size_t i = 0; i < settings.overrides.size(); ++i) {
    const std::string prefix = concat("overrides[", i, "].");
    follow_registry(settings, settings.overrides[i].batch, prefix);
    follow_capture(settings, settings.overrides[i].batch, prefix);
    follow_parquet(settings, settings.overrides[i].batch, prefix);
  }
}

}  // namespace

Result<Settings> load(const std::string& path, const Environment& environment) {
  const Result<std::string> text = environment.read_file(path);
  if (!text) {
    return text.error();
  }
  return load_text(*text, path, environment);
}

obs::LogFormat log_format_in(const std::string& path, const Environment& environment) {
  const Result<std::string> text = environment.read_file(path);
  Result<Node> document = text.ok() ? parse_document(*text, path) : Result<Node>(text.error());
  Settings settings;
  apply_defaults(settings);
  if (document.ok()) {
    Report report(settings);
    Walk(environment, settings, report).root(*document);
  }
  return settings.log.format;
}

Result<Settings> load_text(const std::string& text, const std::string& file, const Environment& environment) {
  Result<Node> document = parse_document(text, file);
  if (!document) {
    return document.error();
  }
  Settings settings;
  settings.file = file;
  apply_defaults(settings);

  Report report(settings);
  Walk(environment, settings, report).root(*document);
  if (settings.source.group.empty() && !settings.name.empty()) {
    settings.source.group = "penstock-" + settings.name;
  }
  follow_state_directory(settings, environment);
  follow_formats(settings);
  validate(settings, report);
  if (!report.empty()) {
    return report.error();
  }
  return settings;
}

}  // namespace penstock::config
