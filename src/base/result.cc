#include <utility>

#include <penstock/result.h>

namespace penstock {

Error make_error(ErrorKind kind, Action action, std::string message, std::string code) {
  Error error;
  error.kind = kind;
  error.action = action;
  error.message = std::move(message);
  error.code = std::move(code);
  return error;
}

Error invalid_input(std::string message) {
  return make_error(ErrorKind::invalid_input, Action::fatal, std::move(message));
}

const char* to_string(Action action) {
  switch (action) {
    case Action::retry:
      return "retry";
    case Action::give_up:
      return "give_up";
    case Action::fatal:
      return "fatal";
  }
  return "?";
}

const char* to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input:
      return "invalid_input";
    case ErrorKind::already_exists:
      return "already_exists";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::invalid_block_list:
      return "invalid_block_list";
    case ErrorKind::throttled:
      return "throttled";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::timed_out:
      return "timed_out";
    case ErrorKind::unauthenticated:
      return "unauthenticated";
    case ErrorKind::forbidden:
      return "forbidden";
    case ErrorKind::no_space:
      return "no_space";
    case ErrorKind::io:
      return "io";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::canceled:
      return "canceled";
  }
  return "?";
}

}  // namespace penstock
