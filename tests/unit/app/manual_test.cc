#include "app/manual.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include "app/command_tree.h"
#include "config/keys.h"

namespace penstock::app {
namespace {

class Manual : public testing::Test {
 protected:
  Manual() { add_commands(app_, options_, exit_code_); }

  CLI::App app_{"penstock moves topics.", "penstock"};
  CommandOptions options_;
  int exit_code_ = 0;
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// What bash offers behind `words`, of which the last one is being typed.
std::string completed(const std::string& script, const std::string& words, int position) {
  const std::string path = testing::TempDir() + "/completion.bash";
  std::ofstream(path, std::ios::trunc) << script << "COMP_WORDS=(" << words << ")\nCOMP_CWORD=" << position
                                       << "\n_penstock\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
  FILE* bash = popen(("bash " + path).c_str(), "r");
  std::string out;
  std::array<char, 256> part;
  while (bash != nullptr && std::fgets(part.data(), part.size(), bash) != nullptr) {
    out += part.data();
  }
  EXPECT_EQ(pclose(bash), 0);
  return out;
}

TEST_F(Manual, the_page_of_the_commands_has_each_command_and_each_option) {
  const std::string page = command_manual(app_);
  for (const CLI::App* command : app_.get_subcommands({})) {
    EXPECT_TRUE(holds(page, "penstock " + command->get_name())) << command->get_name();
  }
  EXPECT_TRUE(holds(page, "\\fB\\-\\-exit\\-at\\-end\\fP\n"));
  EXPECT_TRUE(holds(page, "\\fB\\-c, \\-\\-config FILE\\fP\n"));
  EXPECT_TRUE(holds(page, ".SH \"EXIT STATUS\"\n.PP\n.RS 4\n.nf\n  0  done\n"));
}

TEST_F(Manual, the_page_of_the_configuration_has_each_key) {
  const std::string page = configuration_manual();
  for (const config::Key& key : config::all_keys()) {
    EXPECT_TRUE(holds(page, ".SS \"" + std::string(key.path) + "\"\n")) << key.path;
  }
}

TEST_F(Manual, bash_completes_commands_options_and_files) {
  const std::string script = bash_completion(app_);
  EXPECT_EQ(completed(script, "penstock ver", 1), "verify\nversion\n");
  EXPECT_EQ(completed(script, "penstock verify --d", 2), "--deep\n");
  const std::string file = testing::TempDir() + "/completed.yaml";
  std::ofstream(file, std::ios::trunc) << "name: x\n";
  EXPECT_EQ(completed(script, "penstock run --config " + file.substr(0, file.size() - 2), 3), file + "\n");
}

TEST_F(Manual, zsh_and_fish_have_each_command_and_option) {
  EXPECT_TRUE(holds(zsh_completion(app_), "  verify) _arguments"));
  EXPECT_TRUE(
      holds(zsh_completion(app_), "'--topic[Look at this topic alone. May be given several times.]:value:'"));
  EXPECT_TRUE(holds(fish_completion(app_), "'__fish_seen_subcommand_from verify' -l topic -x"));
}

}  // namespace
}  // namespace penstock::app
