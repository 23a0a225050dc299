#include "identity/small_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"

namespace penstock::identity {
namespace {

Error unreadable(const std::string& path, std::string_view purpose, int error_number) {
  Error error = os_error(error_number, concat("reading ", path, " for ", purpose));
  error.message += ": see whether it is there, and that penstock may read it";
  return error;
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max,
                                    std::string_view purpose) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    return unreadable(path, purpose, errno);
  }
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return unreadable(path, purpose, errno);
    }
    if (got == 0) {
      break;
    }
    size += static_cast<std::size_t>(got);
  }
  if (size > bytes_max) {
    return invalid_input(concat(path, " has more than ", bytes_max, " bytes and cannot be ", purpose,
                                "; see whether it is the right file"));
  }
  text.resize(size);
  return text;
}

}  // namespace penstock::identity
