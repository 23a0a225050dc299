#include "app/command_line.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "app/exit_code.h"

namespace penstock::app {
namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome run_with(std::vector<std::string> words) {
  words.insert(words.begin(), "penstock");
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run(static_cast<int>(words.size()), argv.data());
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(CommandLine, wrong_usage_is_exit_code_two_and_says_what_is_wrong) {
  struct Row {
    std::vector<std::string> words;
    std::string says;
  };
  for (const Row& row :
       {Row{{}, "subcommand"}, Row{{"fly"}, "fly"}, Row{{"run"}, "--config"}, Row{{"check"}, "--config"},
        Row{{"verify"}, "--config"}, Row{{"run", "--config"}, "--config"},
        Row{{"demo", "--seconds", "0"}, "--seconds"}, Row{{"demo", "--seconds", "x"}, "--seconds"},
        Row{{"version", "--yaml"}, "--yaml"}}) {
    const Outcome outcome = run_with(row.words);
    EXPECT_EQ(outcome.code, k_wrong_usage) << (row.words.empty() ? "nothing" : row.words[0]);
    EXPECT_NE((outcome.out + outcome.err).find(row.says), std::string::npos) << outcome.out << outcome.err;
  }
}

TEST(CommandLine, help_names_the_commands_and_the_exit_codes) {
  const Outcome outcome = run_with({"--help"});
  EXPECT_EQ(outcome.code, k_done);
  for (const char* word : {"run", "check", "verify", "demo", "version", "Exit codes"}) {
    EXPECT_NE(outcome.out.find(word), std::string::npos) << word;
  }
}

TEST(CommandLine, each_commands_help_says_what_it_does_and_its_exit_codes) {
  for (const auto& [command, says] :
       {std::pair<std::string, std::string>{"run", "Run the service. SIGTERM or SIGINT finish what was read"},
        {"check", "say how to fix what fails"},
        {"verify", "exactly once"},
        {"demo", "penstock demo --seconds 10"},
        {"version", "--json"},
        {"reference", "every configuration key"}}) {
    const Outcome outcome = run_with({command, "--help"});
    EXPECT_EQ(outcome.code, k_done) << command;
    EXPECT_NE(outcome.out.find(says), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("Exit codes"), std::string::npos) << outcome.out;
  }
}

TEST(CommandLine, a_wrong_configuration_is_exit_code_two_with_every_fault) {
  std::string path = testing::TempDir() + "/penstock-command-XXXXXX";
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ::close(fd);
  std::ofstream(path) << "name: x\nsorce: {}\nbatch: {max_age: soon}\n";
  for (const char* command : {"run", "check"}) {
    const Outcome outcome = run_with({command, "--config", path});
    EXPECT_EQ(outcome.code, k_wrong_usage);
    EXPECT_NE(outcome.err.find(path + ":2: sorce"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(path + ":3: batch.max_age"), std::string::npos) << outcome.err;
  }
  const Outcome json = run_with({"check", "--json", "--config", path});
  EXPECT_EQ(json.code, k_wrong_usage);
  EXPECT_EQ(json.out.rfind("{\"findings\":[{\"subject\":\"config\",\"ok\":false,", 0), 0U) << json.out;
  std::filesystem::remove(path);
  EXPECT_EQ(run_with({"run", "--config", path}).code, k_wrong_usage) << "no such file";
}

TEST(CommandLine, version_says_what_it_runs_on) {
  const Outcome text = run_with({"version"});
  EXPECT_EQ(text.code, k_done);
  EXPECT_EQ(text.out.rfind("penstock ", 0), 0U);
  EXPECT_NE(text.out.find("librdkafka"), std::string::npos);
  const Outcome json = run_with({"version", "--json"});
  EXPECT_EQ(json.out.rfind("{\"version\":\"", 0), 0U) << json.out;
}

TEST(CommandLine, the_demo_does_not_count_what_is_there_already) {
  std::string dir = testing::TempDir() + "/penstock-demo-test-XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  std::ofstream(dir + "/other") << "x";
  const Outcome outcome = run_with({"demo", "--dir", dir, "--seconds", "1"});
  EXPECT_NE(outcome.code, k_done);
  EXPECT_NE((outcome.out + outcome.err).find("not empty"), std::string::npos) << outcome.err;
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace penstock::app
