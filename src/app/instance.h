// What an instance of the systemd unit is given, for a command that looks at its configuration by hand.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace penstock::app {

// Of the packaged unit. Tests give others.
struct InstancePaths {
  std::string configurations = "/etc/penstock";
  std::string secrets = "/etc/penstock/secrets";
  std::string states = "/var/lib/penstock";
  // Where the template may be.
  std::vector<std::string> units = {"/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system"};
};

struct Instance {
  // "api-gateway" of penstock@api-gateway.
  std::string name;
  // What the command takes in the place of what systemd would give. A sentence.
  std::string taken;
  // The service's user, which is nobody yet, may not read the file.
  bool is_unreadable = false;
};

// The instance that runs `config`: a file NAME.yaml among the configurations, on a machine that has the unit.
// Those of the variables STATE_DIRECTORY and CREDENTIALS_DIRECTORY that are not set become what systemd sets
// for it. None: there is no such instance, or it is systemd that runs this command.
std::optional<Instance> stand_in_for_instance(const std::string& config, const InstancePaths& paths = {});

}  // namespace penstock::app
