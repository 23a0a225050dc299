// A value that must not be seen: it prints as "(secret)" wherever a value is printed.
#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace penstock::config {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  // The value itself, for the one place that signs or authenticates with it. Never into a message.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

  friend bool operator==(const Secret&, const Secret&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "(secret)"; }

 private:
  std::string value_;
};

}  // namespace penstock::config
