// An environment that a test fills in: variables and files by name.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <penstock/result.h>

#include "config/environment.h"

namespace penstock::config {

struct FakeEnvironment {
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;

  // Refers to this object.
  Environment environment() const {
    return Environment{.variable = [this](const std::string& name) -> std::optional<std::string> {
                         const auto found = variables.find(name);
                         return found == variables.end() ? std::nullopt : std::optional(found->second);
                       },
                       .read_file = [this](const std::string& path) -> Result<std::string> {
                         const auto found = files.find(path);
                         if (found == files.end()) {
                           return make_error(ErrorKind::not_found, Action::give_up,
                                             "reading " + path + ": there is none", "ENOENT");
                         }
                         return found->second;
                       }};
  }
};

}  // namespace penstock::config
