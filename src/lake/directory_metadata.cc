#include "lake/directory_metadata.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"

namespace penstock::lake {
namespace {

constexpr std::string_view k_first_line = "penstock-metadata 1";
constexpr std::size_t k_sidecar_bytes_max = std::size_t{64} << 10;  // metadata has at most 8 KiB

Error give_up(ErrorKind kind, std::string message) {
  return make_error(kind, Action::give_up, std::move(message));
}

bool is_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(),
                                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool is_printable(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

std::string sidecar_name(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  return concat(name.substr(0, begin), ".", name.substr(begin), ".meta");
}

Result<std::string> encode_sidecar(const SidecarText& sidecar) {
  std::string text = concat(k_first_line, "\n", sidecar.name, "\n");
  for (const auto& [key, value] : sidecar.metadata) {
    if (!is_key(key) || !is_printable(value)) {
      return give_up(ErrorKind::invalid_input,
                     concat("the metadata \"", key, "\" of blob ", sidecar.name,
                            " has a key other than [a-z0-9]+, or a value that is not printable ASCII"));
    }
    text += concat(key, "=", value, "\n");
  }
  return text;
}

Result<SidecarText> decode_sidecar(std::string_view text) {
  SidecarText sidecar;
  if (!text.ends_with('\n') || take_line(text) != k_first_line) {
    return give_up(ErrorKind::corrupt, concat("it is not a \"", k_first_line, "\" file, or cut off"));
  }
  sidecar.name = take_line(text);
  if (sidecar.name.empty()) {
    return give_up(ErrorKind::corrupt, "it names no blob: it is cut off");
  }
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || !is_key(line.substr(0, equals))) {
      return give_up(ErrorKind::corrupt, concat("\"", line.substr(0, 100), "\" is not a key and its value"));
    }
    sidecar.metadata.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return sidecar;
}

Result<std::optional<std::string>> read_small_file(const std::string& path) {
  // No link is followed and no pipe waited for: others may write beside us.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) {
      return std::optional<std::string>();
    }
    return os_error(errno, concat("reading ", path));
  }
  std::string text;
  std::array<char, 4096> piece;
  while (text.size() < k_sidecar_bytes_max) {
    const ssize_t bytes = ::read(fd.get(), piece.data(), piece.size());
    if (bytes == 0) {
      break;
    }
    if (bytes < 0 && errno != EINTR) {
      return os_error(errno, concat("reading ", path));
    }
    text.append(piece.data(), bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  }
  return std::optional(std::move(text));
}

Result<void> check_blob_name(std::string_view name) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view segment = name.substr(begin, end - begin);
    const bool last = end == name.size();
    const bool control = std::any_of(segment.begin(), segment.end(),
                                     [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (segment.empty() || segment == "." || segment == ".." || control || segment == ".penstock" ||
        (last && segment.front() == '.')) {
      return give_up(
          ErrorKind::invalid_input,
          concat("a directory cannot hold the blob \"", name, "\": no part of its name may be empty, ",
                 "\".\", \"..\" or \".penstock\", and the last may not begin with '.'"));
    }
    if (last) {
      return {};
    }
    begin = end + 1;
  }
}

}  // namespace penstock::lake
