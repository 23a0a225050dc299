// A chain of links, each of which is of use only where those before it hold: name, connection, TLS,
// login. What `penstock check` tells of one side.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appliance/check.h"

namespace penstock::appliance {

class CheckChain {
 public:
  // The names of all links, in order.
  explicit CheckChain(std::vector<std::string_view> links) : links_(std::move(links)) {}

  void ok(std::string_view link, std::string text) { add(link, CheckSeverity::ok, std::move(text)); }
  void warning(std::string_view link, std::string text) {
    add(link, CheckSeverity::warning, std::move(text));
  }

  // The first fault ends the chain.
  void fault(std::string_view link, std::string text) {
    if (broken_at_.empty()) {
      broken_at_ = link;
    }
    add(link, CheckSeverity::fault, std::move(text));
  }

  bool holds() const { return broken_at_.empty(); }

  // The rows so far. After a fault also one for each link behind it: not tried, and because of what.
  std::vector<CheckRow> rows() const;

 private:
  void add(std::string_view link, CheckSeverity severity, std::string text) {
    rows_.push_back({.name = std::string(link), .severity = severity, .text = std::move(text)});
  }

  std::vector<std::string_view> links_;
  std::vector<CheckRow> rows_;
  std::string broken_at_;
};

}  // namespace penstock::appliance
