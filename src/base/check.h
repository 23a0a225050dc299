// CHECK: a bug stops the process, in release too, and says where and with which values.
//
// For what the program itself guarantees. Input from outside (network, disk, records, configuration) is
// validated and reported as an Error, never CHECKed.
#pragma once

#include <sstream>
#include <string>

namespace penstock::detail {

// Prints and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* expression, const std::string& values);

// The value as text, "?" where it has none.
template <class T>
std::string printed(const T& value) {
  std::ostringstream out;
  if constexpr (requires { out << value; }) {
    out << value;
  } else if constexpr (requires { out << value.value; }) {
    out << value.value;  // a strong type of base/types.h
  } else {
    out << "?";
  }
  return out.str();
}

// What a CHECK came to: whether it held and, if not, the values it saw.
struct Outcome {
  bool held;
  std::string values;
};

// The left side of a comparison, waiting for its right one. Without one it is judged as a bool.
template <class L>
struct Left {
  const L& left;

  operator Outcome() const { return {static_cast<bool>(left), {}}; }  // NOLINT(google-explicit-constructor)

#define PENSTOCK_CHECK_OPERATOR(op)                                                                          \
  template <class R>                                                                                         \
  Outcome operator op(const R& right) const {                                                                \
    return left op right ? Outcome{true, {}} : Outcome{false, printed(left) + " " #op " " + printed(right)}; \
  }
  PENSTOCK_CHECK_OPERATOR(==)
  PENSTOCK_CHECK_OPERATOR(!=)
  PENSTOCK_CHECK_OPERATOR(<)
  PENSTOCK_CHECK_OPERATOR(<=)
  PENSTOCK_CHECK_OPERATOR(>)
  PENSTOCK_CHECK_OPERATOR(>=)
#undef PENSTOCK_CHECK_OPERATOR
};

// Takes the left side of the expression: << binds tighter than the comparisons.
struct Capture {
  template <class L>
  Left<L> operator<<(const L& left) const {
    return {left};
  }
};

inline void verify(const Outcome& outcome, const char* file, int line, const char* expression) {
  if (!outcome.held) [[unlikely]] {
    check_failed(file, line, expression, outcome.values);
  }
}

}  // namespace penstock::detail

// CHECK(a == b) evaluates each side once. On failure it prints the file, line, expression and both values
// to standard error, and aborts. An expression with && or || goes into brackets of its own.
#define CHECK(expression) \
  ::penstock::detail::verify(::penstock::detail::Capture{} << expression, __FILE__, __LINE__, #expression)
