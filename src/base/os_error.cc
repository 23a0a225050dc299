// How it works. The message is "<what>: <strerror> (<name>); <advice>":
//
//   writing the stage file /srv/stage/segment-00000001.stage: No space left on device (ENOSPC); free some
//   room on this disk, or lower stage.max_bytes
//
// Kind, action, name and advice come from one row. A number without a row is io, retry, and shows as "errno
// 4711".
#include "base/os_error.h"

#include <array>
#include <cerrno>
#include <cstring>

#include "base/concat.h"

namespace penstock {
namespace {

struct Row {
  int error_number;
  const char* name;
  ErrorKind kind;
  Action action;
  const char* advice;  // may be empty
};

constexpr std::array k_table{
    Row{ENOSPC, "ENOSPC", ErrorKind::no_space, Action::retry,
        "free some room on this disk, or lower stage.max_bytes"},
    Row{EDQUOT, "EDQUOT", ErrorKind::no_space, Action::retry, "raise the quota, or lower stage.max_bytes"},
    Row{EROFS, "EROFS", ErrorKind::forbidden, Action::fatal,
        "the file system is read-only: mount it writable, or name another directory"},
    Row{EACCES, "EACCES", ErrorKind::forbidden, Action::fatal, "give the service's user the right to it"},
    Row{EPERM, "EPERM", ErrorKind::forbidden, Action::fatal, "give the service's user the right to it"},
    Row{ENOENT, "ENOENT", ErrorKind::not_found, Action::give_up, ""},
    Row{EEXIST, "EEXIST", ErrorKind::already_exists, Action::give_up, ""},
    Row{ENOTDIR, "ENOTDIR", ErrorKind::invalid_input, Action::fatal,
        "a part of this path is not a directory"},
    Row{ENAMETOOLONG, "ENAMETOOLONG", ErrorKind::invalid_input, Action::fatal,
        "a part of a path has at most 255 bytes, and the whole 4,095: write shorter names"},
    Row{ELOOP, "ELOOP", ErrorKind::invalid_input, Action::fatal,
        "a symbolic link stands where none may, or links lead in a circle: name the file itself"},
    Row{EXDEV, "EXDEV", ErrorKind::unsupported, Action::fatal,
        "this directory is of more than one file system: mount nothing within it"},
    Row{EMLINK, "EMLINK", ErrorKind::unsupported, Action::fatal,
        "the file system allows no more links or sub-directories there: spread them over more directories"},
    Row{ENXIO, "ENXIO", ErrorKind::unsupported, Action::fatal,
        "a pipe, a socket or a device has the name of a file: move it away"},
    Row{EINVAL, "EINVAL", ErrorKind::unsupported, Action::fatal, ""},
    Row{EOPNOTSUPP, "EOPNOTSUPP", ErrorKind::unsupported, Action::fatal, ""},
    Row{ENOSYS, "ENOSYS", ErrorKind::unsupported, Action::fatal, ""},
    Row{EMFILE, "EMFILE", ErrorKind::unavailable, Action::retry,
        "raise the limit of open files (LimitNOFILE=)"},
    Row{ENFILE, "ENFILE", ErrorKind::unavailable, Action::retry, "the machine has too many open files"},
    Row{ENOMEM, "ENOMEM", ErrorKind::unavailable, Action::retry, ""},
    Row{EAGAIN, "EAGAIN", ErrorKind::unavailable, Action::retry, ""},
    Row{EINTR, "EINTR", ErrorKind::unavailable, Action::retry, ""},
    Row{ETIMEDOUT, "ETIMEDOUT", ErrorKind::timed_out, Action::retry, ""},
    Row{ECONNREFUSED, "ECONNREFUSED", ErrorKind::unavailable, Action::retry,
        "nothing listens there: see whether the server runs and the port is right"},
    Row{ECONNRESET, "ECONNRESET", ErrorKind::unavailable, Action::retry, ""},
    Row{ECONNABORTED, "ECONNABORTED", ErrorKind::unavailable, Action::retry, ""},
    Row{EPIPE, "EPIPE", ErrorKind::unavailable, Action::retry, ""},
    Row{ENOTCONN, "ENOTCONN", ErrorKind::unavailable, Action::retry, ""},
    Row{ENETUNREACH, "ENETUNREACH", ErrorKind::unavailable, Action::retry,
        "there is no route: see the machine's network and firewall"},
    Row{EHOSTUNREACH, "EHOSTUNREACH", ErrorKind::unavailable, Action::retry,
        "there is no route: see the machine's network and firewall"},
    Row{EADDRNOTAVAIL, "EADDRNOTAVAIL", ErrorKind::unavailable, Action::retry, ""},
    Row{EAFNOSUPPORT, "EAFNOSUPPORT", ErrorKind::unavailable, Action::retry, ""},
    Row{ECANCELED, "ECANCELED", ErrorKind::canceled, Action::give_up, ""},
    Row{EIO, "EIO", ErrorKind::io, Action::retry, "the device reports a fault: look at the kernel's log"},
};

const Row* find(int error_number) {
  for (const Row& row : k_table) {
    if (row.error_number == error_number) {
      return &row;
    }
  }
  return nullptr;
}

}  // namespace

std::string errno_name(int error_number) {
  const Row* row = find(error_number);
  return row != nullptr ? row->name : concat("errno ", error_number);
}

Error os_error(int error_number, std::string_view what) {
  const Row* row = find(error_number);
  std::string message = concat(what, ": ", std::strerror(error_number), " (", errno_name(error_number), ")");
  if (row != nullptr && row->advice[0] != '\0') {
    message += concat("; ", row->advice);
  }
  return make_error(row != nullptr ? row->kind : ErrorKind::io, row != nullptr ? row->action : Action::retry,
                    std::move(message), errno_name(error_number));
}

}  // namespace penstock
