// What a configuration may draw from outside itself, and the `${...}` that draw it. Tests give an environment
// of their own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.h>

namespace penstock::config {

struct Environment {
  // The environment variable of that name; none if it is not set. CREDENTIALS_DIRECTORY comes from here too.
  std::function<std::optional<std::string>(const std::string& name)> variable;

  // The whole file. The error's message is a sentence that names the file.
  std::function<Result<std::string>(const std::string& path)> read_file;
};

// The process's own. A file of more than 1 MiB is an error: neither a configuration nor a secret is that
// large.
Environment process_environment();

// `text` with its expressions replaced, once and from left to right (what they give is not looked at again):
//   ${NAME}            the environment variable; an error if it is not set
//   ${NAME:-default}   the same, or the default if it is not set or empty; the default ends at the first '}'
//   ${file:/path}      what the file holds, without the line ends at its end
//   ${credential:name} the same of $CREDENTIALS_DIRECTORY/name, where systemd's LoadCredential= puts it; an
//                      error if it is empty
//   $${                a literal "${"
// Any other '$' stands for itself. The error's message is a predicate that names what was asked for, and
// never a value.
Result<std::string> expand(std::string_view text, const Environment& environment);

}  // namespace penstock::config
