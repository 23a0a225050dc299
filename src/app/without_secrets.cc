#include "app/without_secrets.h"

#include <optional>
#include <utility>

#include <penstock/result.h>

namespace penstock::app {
namespace {

// In the place of a secret that cannot be read. It has the form of a connection string, which is checked.
constexpr const char* k_unread =
    "Endpoint=sb://unread.servicebus.windows.net/;SharedAccessKeyName=unread;SharedAccessKey=dW5yZWFk";

}  // namespace

config::Environment without_secrets(const std::string& file) {
  config::Environment environment = config::process_environment();
  const auto variable = environment.variable;
  environment.variable = [variable](const std::string& name) {
    const std::optional<std::string> value = variable(name);
    return value || name != "CREDENTIALS_DIRECTORY" ? value : std::optional<std::string>("/nowhere");
  };
  const auto read_file = environment.read_file;
  environment.read_file = [read_file, file](const std::string& path) -> Result<std::string> {
    Result<std::string> text = read_file(path);
    return text.ok() || path == file ? std::move(text) : Result<std::string>(std::string(k_unread));
  };
  return environment;
}

}  // namespace penstock::app
