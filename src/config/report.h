// What is wrong with a configuration, gathered so that it is said all at once.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "config/settings.h"

namespace penstock::config {

class Report {
 public:
  // `settings` gives the file and the lines, and must outlive the report.
  explicit Report(const Settings& settings) : settings_(settings) {}

  // "file:12: batch.path: is empty; write ...": at the key's own line, or at one given.
  void add(std::string_view path, std::string_view complaint);
  void add_at(int line, std::string_view path, std::string_view complaint);

  // Whether something was said about that key: then nothing should be concluded from its value.
  bool mentions(std::string_view path) const { return paths_.contains(path); }

  bool empty() const { return entries_.empty(); }

  // All messages in the order of their lines, one a line.
  Error error() const;

 private:
  struct Entry {
    int line;
    std::string text;
  };
  const Settings& settings_;
  std::vector<Entry> entries_;
  std::set<std::string, std::less<>> paths_;
};

}  // namespace penstock::config
