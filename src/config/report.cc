#include "config/report.h"

#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "config/one_line.h"

namespace penstock::config {

void Report::add(std::string_view path, std::string_view complaint) {
  add_at(line_of(settings_, path), path, complaint);
}

void Report::add_at(int line, std::string_view path, std::string_view complaint) {
  paths_.emplace(path);
  entries_.push_back(
      Entry{.line = line, .text = concat(settings_.file, ":", line, ": ", path, ": ", one_line(complaint))});
}

Error Report::error() const {
  std::vector<Entry> ordered = entries_;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Entry& a, const Entry& b) { return a.line < b.line; });
  std::string message;
  for (const Entry& entry : ordered) {
    message += message.empty() ? "" : "\n";
    message += entry.text;
  }
  return make_error(ErrorKind::invalid_input, Action::fatal, std::move(message));
}

}  // namespace penstock::config
