// Result<T>: a value, or an Error that says what happened and what the caller should do about it.
//
//   Result<std::string> text = read_file(path);
//   if (!text.ok()) {
//     return text.error();    // on its way up, an Error becomes any Result
//   }
//   use(*text);
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
  // The same call may succeed later, as it is.
  retry,

  // This call cannot succeed as it stands, others may: a name that exists, a credential that has expired.
  give_up,

  // Nothing of this kind can succeed until a person changes something.
  fatal,
};

// What happened, in terms that a caller may branch on. The sentence is for people.
enum class ErrorKind : std::uint8_t {
  // Configuration, arguments, or bytes from outside that do not parse.
  invalid_input,

  // A conditional create found something there.
  already_exists,

  // The thing named is absent.
  not_found,

  // A block to be committed is not there.
  invalid_block_list,

  // The other side asks to slow down.
  throttled,

  // A transport failed, or a server has a fault. The outcome of a write may be unknown.
  unavailable,

  // No answer came in time. The outcome of a write may be unknown.
  timed_out,

  // The credential is wrong or has expired.
  unauthenticated,

  // The credential is good and does not allow this.
  forbidden,

  // The disk or the quota is full.
  no_space,

  // A file or device failed.
  io,

  // A checksum or a format says that these are not the bytes that were written.
  corrupt,

  // The other side, or this machine, cannot do it.
  unsupported,

  // Given up by ourselves.
  canceled,
};

struct Error {
  ErrorKind kind = ErrorKind::io;
  Action action = Action::fatal;

  // A sentence for the operator: what happened, where, and what to do. Holds no secret.
  std::string message;

  // The foreign code as its owner writes it: "503 ServerBusy", "ENOSPC". Empty where the error is our own.
  std::string code;

  // How long the server asked to wait before the next try. Empty: it did not ask.
  std::optional<std::chrono::milliseconds> retry_after;
};

// The one way to make an Error. `code` is the foreign code, where there is one.
Error make_error(ErrorKind kind, Action action, std::string message, std::string code = {});

// What a person wrote, or bytes from outside, cannot be used: ErrorKind::invalid_input, Action::fatal.
Error invalid_input(std::string message);

// The names of the enumerators, for logs and tests: "give_up", "not_found". Static texts.
const char* to_string(Action action);
const char* to_string(ErrorKind kind);

// Holds a T or an Error, never both. The compiler warns of a Result that nobody looks at.
template <class T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that a function may return a T or an Error.
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  // Whether there is a value.
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only when ok(). Otherwise it throws std::bad_variant_access, which is a bug of the caller.
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only when not ok(). Otherwise it throws as value() does.
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }

  // Only when not ok(). Otherwise the behaviour is undefined.
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace penstock
