// Parses the command line by the tree of commands (command_tree.h), and says what is wrong with it.
#include "app/command_line.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include <penstock/penstock.h>

#include "app/command_tree.h"
#include "app/core_files.h"
#include "app/exit_code.h"
#include "base/concat.h"
#include "config/suggest.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

// "; did you mean --config?", or how to see them all.
std::string near(const std::string& word, const std::vector<std::string>& known, const std::string& list) {
  const std::vector<std::string_view> names(known.begin(), known.end());
  const std::string_view found = config::nearest(word, names);
  return found.empty() ? concat("; ", list, " lists them") : concat("; did you mean ", found, "?");
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names{"help"};
  for (const CLI::App* command : app.get_subcommands({})) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

// What is wrong with the line. CLI11 tells first what is missing, often because a word was not understood.
std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> commands = app.get_subcommands();
  const bool before_command = commands.empty() || !app.remaining().empty();
  const CLI::App& asked = before_command ? app : *commands.front();
  const std::string help = before_command ? "penstock --help" : "penstock " + asked.get_name() + " --help";
  const std::vector<std::string> unknown = asked.remaining();
  if (unknown.empty()) {
    return concat(error.what(), "; ", help, " lists the options");
  }
  const auto option = std::find_if(unknown.begin(), unknown.end(),
                                   [](const std::string& word) { return word.starts_with('-'); });
  if (option != unknown.end()) {
    const std::string name = option->substr(0, option->find('='));
    return concat("there is no option ", name, near(name, option_names(asked), help));
  }
  if (before_command) {
    return concat("there is no command ", unknown.front(), near(unknown.front(), command_names(app), help));
  }
  return concat("penstock ", asked.get_name(), " takes no word \"", unknown.front(), "\"; ", help,
                " lists its options");
}

// The words behind the program's name, the last one first, as CLI11 takes them. "help run" is "run --help".
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  std::reverse(words.begin(), words.end());
  return words;
}

}  // namespace

int run(int argc, char** argv) {
  obs::init_log({});  // the journal is recognized before a configuration is read
  CLI::App app("penstock moves Kafka and Event Hubs topics to Azure Blob Storage, as files of JSON lines.",
               "penstock");
  app.set_version_flag("-V,--version", concat("penstock ", version()));
  app.require_subcommand(1);
  forbid_core_files();
  int exit_code = k_done;
  CommandOptions options;
  add_commands(app, options, exit_code);

  if (argc <= 1) {
    std::fputs(app.help().c_str(), stderr);
    return k_wrong_usage;
  }
  try {
    app.parse(words_of(argc, argv));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      return app.exit(error);
    }
    obs::say(obs::Level::error, what_is_wrong(app, error));
    return k_wrong_usage;
  }
  return exit_code;
}

}  // namespace penstock::app
