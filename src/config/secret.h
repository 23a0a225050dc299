// A value that must not be seen: it prints as "(secret)" wherever a value is printed.
//
// One that comes from a file (`${file:...}`, `${credential:...}`) may be written anew while the process runs.
// Copies of it share what is known, so that every thread sees the new value: within a second after the file
// has changed, and at once after read_again().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <penstock/result.h>

namespace penstock::config {

// Where a secret lives.
struct SecretOrigin {
  // Reads the whole value again. The Error names the place, and never a value.
  std::function<Result<std::string>()> read;
  // The files that are in it.
  std::vector<std::string> files;
};

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(std::string value, SecretOrigin origin);

  // The value as it was when the configuration was read, for the one place that signs or authenticates with
  // it. Never into a message.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

  // Whether it may become another one.
  bool may_change() const { return shared_ != nullptr; }

  // The newest value. Looks at the files' times at most once a second, and reads them if they have changed. A
  // file that is empty or cannot be read leaves the value as it was. Any thread. One at a time looks: where a
  // file system hangs it waits, and the others have the value as it was.
  std::string current() const;

  // Counts the values that there have been. As current().
  std::uint64_t version() const;

  // Reads the files now: somebody was refused with the value. Whether it is another one than `refused`. Waits
  // for its own read alone.
  bool read_again(const std::string& refused) const;

  friend bool operator==(const Secret& a, const Secret& b) { return a.value_ == b.value_; }
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "(secret)"; }

 private:
  struct Shared;

  std::string value_;
  std::shared_ptr<Shared> shared_;  // null: it stays as it is
};

// Every secret of this process reads its files at its next use (SIGHUP). Any thread.
void read_secrets_again();

}  // namespace penstock::config
