#include "app/command_line.h"

#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/exit_code.h"

namespace penstock::app {
namespace {

constexpr const char* k_exit_codes =
    "Exit codes:\n"
    "  0  done\n"
    "  1  failed while running\n"
    "  2  wrong usage or configuration\n"
    "  3  check or verify found a fault";

constexpr const char* k_config_help = "Read the deployment's configuration from this YAML file.";
constexpr const char* k_json_help = "Print JSON, for programs.";

// What stands below a command's options.
std::string footer(const std::string& more = "") {
  return more.empty() ? k_exit_codes : more + "\n" + k_exit_codes;
}

void add_run(CLI::App& app, RunCommand& options, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("run", "Run the service. SIGTERM or SIGINT finish what was read, then exit 0.");
  command->add_option("-c,--config", options.config, k_config_help)->type_name("FILE")->required();
  command->add_flag("--exit-at-end", options.exit_at_end,
                    "Stop where the topics end now, publish, then exit 0: for a nightly job or a replay.");
  command
      ->add_option("--summary", options.summary_file,
                   "Write the run's totals to this file at the end, as a JSON object.")
      ->type_name("FILE");
  command->footer(
      footer("A second signal exits 1 at once. Nothing is lost: Kafka still has what was not published.\n"
             "\n"
             "Examples:\n"
             "  penstock run --config penstock.yaml\n"
             "  penstock run --config penstock.yaml --exit-at-end --summary totals.json\n"));
  command->callback([&] { exit_code = run_service(options); });
}

void add_check(CLI::App& app, CheckCommand& options, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("check", "Try everything the service needs, and say how to fix what fails.");
  command->add_option("-c,--config", options.config, k_config_help)->type_name("FILE")->required();
  command->add_flag("--json", options.json, k_json_help);
  command->footer(footer(
      "Each line is something that was tried: \"ok\" and what was found, or \"FAULT\" and what to do.\n"
      "A configuration with errors is not tried: every error is printed, with its line, and check exits 2.\n"
      "\n"
      "Example:\n"
      "  penstock check --config penstock.yaml\n"));
  command->callback([&] { exit_code = run_check(options); });
}

void add_verify(CLI::App& app, VerifyCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "verify", "Say whether the published files hold every record exactly once. Change nothing.");
  command->add_option("-c,--config", options.config, k_config_help)->type_name("FILE")->required();
  command->add_flag("--deep", options.deep, "Read every file too: count its lines and check its bytes.");
  command->add_flag("--json", options.json, k_json_help);
  command->footer(footer(
      "Works from the list of files and the positions of the consumer group, while the service runs or not.\n"
      "\n"
      "Example:\n"
      "  penstock verify --config penstock.yaml --deep\n"));
  command->callback([&] { exit_code = run_verify(options); });
}

void add_demo(CLI::App& app, DemoCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "demo", "Show all of it on this machine: in-process broker, made-up traffic, files in a directory.");
  command->add_option("--seconds", options.seconds, "Produce for so many seconds, 1 to 3600.")
      ->type_name("N")
      ->check(CLI::Range(1, 3600).description(""))
      ->capture_default_str();
  command
      ->add_option("--dir", options.dir,
                   "Put the files into this directory, new or empty. Default: a new temporary one.")
      ->type_name("DIR");
  command->add_flag("--json", options.json, k_json_help);
  command->footer(
      footer("Needs no broker, no account and no configuration. At the end it counts the lines that landed.\n"
             "\n"
             "Example:\n"
             "  penstock demo --seconds 10\n"));
  command->callback([&] { exit_code = run_demo(options); });
}

void add_version(CLI::App& app, VersionCommand& options, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("version", "Print the version, the libraries, and which I/O the kernel grants.");
  command->add_flag("--json", options.json, k_json_help);
  command->footer(footer());
  command->callback([&] { exit_code = run_version(options); });
}

void add_reference(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "reference", "Print every configuration key with its limits and its default, as Markdown.");
  command->footer(footer());
  command->callback([&] { exit_code = run_reference(); });
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app("penstock moves Kafka and Event Hubs topics to Azure Blob Storage, as files of JSON lines.");
  app.footer(
      footer("Start here:\n"
             "  penstock demo                           see it work, without any setup\n"
             "  penstock check --config penstock.yaml   before the first run\n"
             "  penstock run --config penstock.yaml\n"));
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  int exit_code = k_done;
  RunCommand run_options;
  add_run(app, run_options, exit_code);
  CheckCommand check_options;
  add_check(app, check_options, exit_code);
  VerifyCommand verify_options;
  add_verify(app, verify_options, exit_code);
  DemoCommand demo_options;
  add_demo(app, demo_options, exit_code);
  VersionCommand version_options;
  add_version(app, version_options, exit_code);
  add_reference(app, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> unknown = app.remaining();
    if (app.get_subcommands().empty() && !unknown.empty()) {  // CLI11 says only that a command is missing
      std::fprintf(stderr, "penstock: there is no command %s; penstock --help lists them\n",
                   unknown.front().c_str());
      return k_wrong_usage;
    }
    return app.exit(error) == 0 ? k_done : k_wrong_usage;
  }
  return exit_code;
}

}  // namespace penstock::app
