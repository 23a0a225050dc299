// Result<T>: a value, or an Error that says what happened and what the caller should do about it.
//
// Errors of foreign origin (errno, CURLcode, HTTP status, Kafka codes) are translated into an Error once, at
// the edge of the module that owns the library. A bug is not an Error: see base/check.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace penstock {

// What the caller should do.
enum class Action : std::uint8_t {
  retry,  // the same call may succeed later
  give_up,  // this call cannot succeed as it stands; others may (a name that exists, a credential that has expired)
  fatal,  // nothing of this kind can succeed until a person changes something
};

// What happened, in terms that a caller may branch on. The sentence is for people.
enum class ErrorKind : std::uint8_t {
  invalid_input,       // configuration, arguments, or bytes from outside that do not parse
  already_exists,      // a conditional create found something there
  not_found,           // the thing named is absent
  invalid_block_list,  // a block to be committed is not there
  throttled,           // asked to slow down
  unavailable,         // transport failure or a server fault; the outcome of a write may be unknown
  timed_out,           // no answer in time; the outcome of a write may be unknown
  unauthenticated,     // wrong or expired credential
  forbidden,           // the credential is good and does not allow this
  no_space,            // disk or quota full
  io,                  // a file or device failed
  corrupt,             // a checksum or a format says these are not the bytes that were written
  unsupported,         // the other side, or this machine, cannot do it
  canceled,            // given up by ourselves
};

struct Error {
  ErrorKind kind = ErrorKind::io;
  Action action = Action::fatal;
  std::string message;  // a sentence for the operator: what, where, what to do
  std::string code;     // the foreign code as its owner writes it: "503 ServerBusy", "ENOSPC"; may be empty
  std::optional<std::chrono::milliseconds> retry_after;  // what the server asked for
};

// The one way to make an Error. `code` is the foreign code, where there is one.
Error make_error(ErrorKind kind, Action action, std::string message, std::string code = {});

// What a person wrote, or bytes from outside, cannot be used: ErrorKind::invalid_input, Action::fatal.
Error invalid_input(std::string message);

const char* to_string(Action action);
const char* to_string(ErrorKind kind);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only when ok(); otherwise throws std::bad_variant_access, which is a bug of the caller.
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only when not ok().
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }

  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace penstock
