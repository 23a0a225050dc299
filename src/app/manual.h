// The manual pages and the completion of shells, made from the tables that parse: the commands of the command
// line and the keys of the configuration. Pure.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace penstock::app {

// penstock(1)
std::string command_manual(const CLI::App& app);

// penstock.yaml(5)
std::string configuration_manual();

// Scripts that complete commands, options, and files behind options that take one.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace penstock::app
