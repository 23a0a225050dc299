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
  words.insert(words.begin(), "/usr/local/bin/penstock");
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
       {Row{{}, "verify"}, Row{{"fly"}, "there is no command fly; penstock --help lists them"},
        Row{{"rnu"}, "there is no command rnu; did you mean run?"},
        Row{{"--confg", "x", "run"}, "there is no option --confg"},
        Row{{"check", "--confg", "x"}, "there is no option --confg; did you mean --config?"},
        Row{{"run", "--exit-at-ned", "--config", "x"}, "did you mean --exit-at-end?"},
        Row{{"run", "--sumary=x", "--config", "x"}, "there is no option --sumary; did you mean --summary?"},
        Row{{"check", "--config", "x", "y"}, "takes no word \"y\""}, Row{{"run"}, "--config"},
        Row{{"replay", "--config", "x", "--topic", "t", "--from", "0", "--to", "end"}, "--into"},
        Row{{"replay", "--config", "x", "--topic", "t", "--from", "0", "--to", "end", "--into", "p",
             "--deep"},
            "--verify"},
        Row{{"check"}, "--config"}, Row{{"verify"}, "--config"}, Row{{"run", "--config"}, "--config"},
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

TEST(CommandLine, the_version_and_the_help_are_where_they_are_looked_for) {
  for (const char* word : {"--version", "-V"}) {
    const Outcome outcome = run_with({word});
    EXPECT_EQ(outcome.code, k_done) << word;
    EXPECT_EQ(outcome.out.rfind("penstock ", 0), 0U) << outcome.out;
  }
  EXPECT_EQ(run_with({"help"}).out, run_with({"--help"}).out);
  EXPECT_EQ(run_with({"help", "run"}).out, run_with({"run", "--help"}).out);
  EXPECT_EQ(run_with({"help"}).code, k_done);
  EXPECT_NE(run_with({"help", "run"}).out.find("penstock run [OPTIONS]"), std::string::npos)
      << "the command is penstock, wherever it lies";
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

// A directory of its own with a configuration in it, whose secrets are out of reach.
class NewTopicCommand : public testing::Test {
 protected:
  NewTopicCommand() {
    EXPECT_NE(::mkdtemp(dir_.data()), nullptr);
    std::ofstream(dir_ + "/web.yaml") << "name: web\nsource:\n  brokers: [b:9092]\n  topics: [web]\n"
                                         "sink:\n  url: https://a.blob.core.windows.net/lake\n"
                                         "  auth: {type: shared-key, key: '${credential:no-such-secret}'}\n";
  }
  ~NewTopicCommand() override { std::filesystem::remove_all(dir_); }

  std::string dir_ = testing::TempDir() + "/penstock-new-XXXXXX";
};

TEST_F(NewTopicCommand, new_writes_a_file_shows_the_difference_and_overwrites_nothing) {
  const std::vector<std::string> words{"new", "orders", "--from", dir_ + "/web.yaml"};
  std::vector<std::string> dry = words;
  dry.emplace_back("--dry-run");
  EXPECT_EQ(run_with(dry).code, k_done);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/orders.yaml"));
  const Outcome made = run_with(words);
  EXPECT_EQ(made.code, k_done);
  for (const std::string says : {"   1 - name: web\n   1 + name: orders\n",
                                 "+ admin: {listen: 127.0.0.1:9465}", "next: penstock check --config "}) {
    EXPECT_NE(made.out.find(says), std::string::npos) << made.out;
  }
  EXPECT_TRUE(std::filesystem::exists(dir_ + "/orders.yaml"));
  const Outcome again = run_with(words);
  EXPECT_EQ(again.code, k_wrong_usage);
  EXPECT_NE(again.err.find("is there already: nothing is overwritten"), std::string::npos) << again.err;
}

TEST_F(NewTopicCommand, files_are_shown_without_the_secrets) {
  const Outcome text = run_with({"files", "--config", dir_ + "/web.yaml", "--gb-per-day", "300"});
  EXPECT_EQ(text.code, k_done) << text.err;
  EXPECT_NE(text.out.find("https://a.blob.core.windows.net/lake/web/"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("in all: at most 1440 files and 38880 storage calls a day, 6.50 dollars a month"),
            std::string::npos)
      << text.out;
  const Outcome json = run_with({"files", "--config", dir_ + "/web.yaml", "--json"});
  EXPECT_NE(json.out.find("\"files_per_day\":1440"), std::string::npos) << json.out;
}

TEST_F(NewTopicCommand, the_columns_of_a_schema_are_shown_as_a_tree_and_as_ddl) {
  const std::string file = dir_ + "/orders.v1.avsc";
  std::ofstream(file) << R"({"type":"record","name":"R","fields":[{"name":"id","type":"long"},
      {"name":"lines","type":{"type":"array","items":"string"}}]})";
  EXPECT_EQ(run_with({"schema", file}).out,
            "orders: 2 columns\n  id  int64\n  lines  list\n    element  text  required\n");
  const std::string columns =
      "CREATE TABLE `orders` (\n  `id` BIGINT,\n  `lines` ARRAY<STRING>,\n  `_rescued` STRING,\n  `_topic` "
      "STRING,\n"
      "  `_partition` INT,\n  `_offset` BIGINT,\n  `_timestamp` TIMESTAMP,\n  `_timestamp_type` STRING,\n"
      "  `_key` BINARY,\n  `_headers` STRING\n)";
  EXPECT_EQ(run_with({"schema", file, "--ddl", "databricks"}).out, columns + ";\n");
  EXPECT_EQ(run_with({"schema", file, "--ddl", "spark"}).out, columns + " USING PARQUET;\n");
  EXPECT_NE(
      run_with({"schema", file, "--json"}).out.find(R"({"name":"lines","type":"list","optional":true,)"),
      std::string::npos);
  EXPECT_EQ(run_with({"schema", file, "--ddl", "oracle"}).code, k_wrong_usage);
  EXPECT_EQ(run_with({"schema", file, "--topic", "orders"}).code, k_wrong_usage);
  std::ofstream(file) << R"({"type":"array"})";
  const Outcome none = run_with({"schema", file});
  EXPECT_EQ(none.code, k_wrong_usage);
  EXPECT_NE(none.err.find("orders.v1.avsc: the schema names no properties at its top"), std::string::npos)
      << none.err;
}

TEST_F(NewTopicCommand, the_columns_of_a_configuration_are_those_of_its_format) {
  EXPECT_EQ(run_with({"schema", dir_ + "/web.yaml"}).out, "web: no columns, as its files are not parquet\n");
  std::ofstream(dir_ + "/web.yaml", std::ios::app) << "batch: {format: parquet}\n";
  const Outcome strange = run_with({"schema", dir_ + "/web.yaml", "--ddl", "databricks", "--topic", "a.b"});
  EXPECT_EQ(strange.code, k_wrong_usage);
  EXPECT_NE(strange.err.find("--topic a.b: source.topics does not have it"), std::string::npos)
      << strange.err;
  std::ofstream(dir_ + "/dots.yaml") << "name: web\nsource: {brokers: ['b:9092'], topics: [a.b]}\n"
                                        "sink: {url: 'null:'}\nbatch: {format: parquet}\n";
  EXPECT_EQ(
      run_with({"schema", dir_ + "/dots.yaml", "--ddl", "databricks", "--topic", "a.b"}).out.substr(0, 63),
      "CREATE TABLE `a_b` (\n  `value` BINARY,\n  `_topic` STRING,\n  `_p");
  EXPECT_EQ(run_with({"schema", dir_ + "/none.yaml"}).code, k_wrong_usage);
}

TEST_F(NewTopicCommand, health_of_nobody_is_one) {
  const Outcome nobody = run_with({"health", "--listen", "127.0.0.1:1"});
  EXPECT_EQ(nobody.code, k_failed);
  EXPECT_NE(nobody.out.find("no instance answers at 127.0.0.1:1"), std::string::npos) << nobody.out;
  EXPECT_EQ(run_with({"health", "--config", dir_ + "/none.yaml"}).code, k_wrong_usage);
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
