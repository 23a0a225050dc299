// How it works
//
// expand() goes from one '$' to the next, and never back. What stands between "${" and the first '}' is the
// expression. How it begins tells its kind: "file:", "credential:", and anything else is a variable.
//
// For example, "pay$5-${REGION:-eu}-$${x}", where REGION is not set:
// 1. "$5" begins no expression, so this '$' stands for itself: "pay$".
// 2. "5-" is copied, and "${REGION:-eu}" gives its default: "pay$5-eu".
// 3. "-" is copied, and "$${" gives "${". The rest, "x}", is plain text: "pay$5-eu-${x}".
//
// The result is not looked at again. Nor do expressions nest: in "${KEY:-${file:/key}}" the first '}' ends
// the default, which is "${file:/key". Without KEY the value is the text "${file:/key}", and no file is read.
//
// "${file:-/key}" is the variable `file` with a default, as "file:" counts only without a '-' behind it.
#include "config/environment.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"

namespace penstock::config {
namespace {

constexpr std::size_t k_file_bytes_max = 1 << 20;

Result<std::string> read_whole_file(const std::string& path) {
  const std::string what = "reading " + path;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return os_error(errno, what);
  }
  std::string text;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return os_error(errno, what);
    }
    if (count == 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > k_file_bytes_max) {
      return invalid_input(concat(what, ": the file is larger than 1 MiB; name the right one"));
    }
  }
}

bool is_variable_name(std::string_view name) {
  constexpr std::string_view k_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  constexpr std::string_view k_digits = "0123456789";
  return !name.empty() && k_letters.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(concat(k_letters, k_digits)) == std::string_view::npos;
}

Result<std::string> secret_of_file(const std::string& path, const Environment& environment) {
  Result<std::string> text = environment.read_file(path);
  if (!text) {
    return invalid_input(concat("needs a file that cannot be read: ", text.error().message));
  }
  const std::size_t end = text->find_last_not_of("\r\n");
  text->resize(end == std::string::npos ? 0 : end + 1);
  constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";  // some editors begin every file with it
  if (text->starts_with(k_byte_order_mark)) {
    text->erase(0, k_byte_order_mark.size());
  }
  return text;
}

Result<std::string> value_of_file(std::string_view path, const Environment& environment) {
  if (!path.starts_with('/')) {
    return invalid_input("names a file by a relative path; write ${file:/its/whole/path}");
  }
  return secret_of_file(std::string(path), environment);
}

Result<std::string> value_of_credential(std::string_view name, const Environment& environment) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos) {
    return invalid_input(
        "names a credential that systemd cannot have; write ${credential:name} without a path");
  }
  const std::optional<std::string> directory = environment.variable("CREDENTIALS_DIRECTORY");
  if (!directory || directory->empty()) {
    return invalid_input(concat("needs the credential ", name,
                                ", and CREDENTIALS_DIRECTORY is not set; run it by systemd with ",
                                "LoadCredential=", name, ":/path, or write ${file:/path}"));
  }
  Result<std::string> secret = secret_of_file(concat(*directory, "/", name), environment);
  if (secret.ok() && secret->empty()) {
    // The packaged unit has empty ones in the place of those that were never written.
    return invalid_input(concat("needs the credential ", name,
                                ", which is empty; write it to the file that the unit's LoadCredential=",
                                name, ": names (of the package: /etc/penstock/secrets/", name, ")"));
  }
  return secret;
}

Result<std::string> value_of_variable(std::string_view expression, const Environment& environment) {
  const std::size_t mark = expression.find(":-");
  const std::string name(expression.substr(0, mark));
  if (!is_variable_name(name)) {
    return invalid_input(
        "holds a ${...} that is not known; write ${NAME}, ${NAME:-default}, ${file:/path} or "
        "${credential:name}, "
        "or $${ for a literal one");
  }
  std::optional<std::string> value = environment.variable(name);
  if (mark != std::string_view::npos && (!value || value->empty())) {
    return std::string(expression.substr(mark + 2));
  }
  if (!value) {
    return invalid_input(concat("needs the environment variable ", name,
                                ", which is not set; set it, or write ${", name, ":-default}"));
  }
  return *std::move(value);
}

// `expression` is what stands between the braces.
Result<std::string> value_of(std::string_view expression, const Environment& environment) {
  constexpr std::string_view k_file = "file:";
  constexpr std::string_view k_credential = "credential:";
  // ":-" first, so that a variable of that name may have a default.
  if (expression.starts_with(k_file) && !expression.starts_with("file:-")) {
    return value_of_file(expression.substr(k_file.size()), environment);
  }
  if (expression.starts_with(k_credential) && !expression.starts_with("credential:-")) {
    return value_of_credential(expression.substr(k_credential.size()), environment);
  }
  return value_of_variable(expression, environment);
}

}  // namespace

Environment process_environment() {
  return Environment{.variable = [](const std::string& name) -> std::optional<std::string> {
                       const char* value = std::getenv(name.c_str());
                       if (value == nullptr) {
                         return std::nullopt;
                       }
                       return value;
                     },
                     .read_file = read_whole_file};
}

Result<std::string> expand(std::string_view text, const Environment& environment) {
  std::string expanded;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    expanded += text.substr(0, dollar);
    if (dollar == std::string_view::npos) {
      break;
    }
    text.remove_prefix(dollar);
    if (text.starts_with("$${")) {
      expanded += "${";
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      const std::size_t close = text.find('}');
      if (close == std::string_view::npos) {
        return invalid_input("holds a ${ without its }; close it, or write $${ for a literal one");
      }
      const Result<std::string> value = value_of(text.substr(2, close - 2), environment);
      if (!value) {
        return value.error();
      }
      expanded += *value;
      text.remove_prefix(close + 1);
    } else {
      expanded += '$';
      text.remove_prefix(1);
    }
  }
  return expanded;
}

}  // namespace penstock::config
