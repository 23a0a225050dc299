#include "app/instance.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <sys/stat.h>

#include "base/concat.h"

namespace penstock::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* k_template = "penstock@.service";

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// Empty where it was set already.
std::string set_if_missing(const char* variable, const std::string& value) {
  if (is_set(variable)) {
    return {};
  }
  ::setenv(variable, value.c_str(), 1);
  return value;
}

}  // namespace

std::optional<Instance> stand_in_for_instance(const std::string& config, const InstancePaths& paths) {
  std::error_code fault;
  const fs::path file = fs::absolute(config, fault).lexically_normal();
  const bool has_unit = std::ranges::any_of(paths.units, [](const std::string& directory) {
    std::error_code unknown;
    return fs::exists(fs::path(directory) / k_template, unknown);
  });
  if (fault || file.extension() != ".yaml" || file.parent_path() != fs::path(paths.configurations) ||
      !has_unit || is_set("STATE_DIRECTORY")) {
    return std::nullopt;
  }
  Instance instance{.name = file.stem(), .taken = {}, .is_unreadable = false};
  const std::string state = set_if_missing("STATE_DIRECTORY", concat(paths.states, "/", instance.name));
  const std::string secrets = set_if_missing("CREDENTIALS_DIRECTORY", paths.secrets);
  instance.taken = concat("penstock@", instance.name, ", as systemd runs it: the state directory is ", state,
                          secrets.empty() ? "" : ", and credentials are read from ", secrets);
  struct stat status {};
  instance.is_unreadable = ::stat(file.c_str(), &status) == 0 && (status.st_mode & S_IROTH) == 0;
  return instance;
}

}  // namespace penstock::app
