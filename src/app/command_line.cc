#include "app/command_line.h"

#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/exit_code.h"

namespace penstock::app {
namespace {

constexpr const char* k_footer =
    "\nExit codes: 0 done; 1 failed while running; 2 wrong usage or configuration; 3 check or verify found "
    "something.\n"
    "Try it:     penstock demo\n";

}  // namespace

int run(int argc, char** argv) {
  CLI::App app(
      "penstock: Kafka and Event Hubs topics to Azure Blob Storage, as files of JSON lines, a file a "
      "minute.");
  app.footer(k_footer);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  int exit_code = k_done;

  RunCommand run_options;
  CLI::App* run =
      app.add_subcommand("run", "the service: reads, lands, commits, until SIGTERM or SIGINT, which drain");
  run->add_option("-c,--config", run_options.config, "the deployment's YAML file")->required();
  run->add_flag("--exit-at-end", run_options.exit_at_end,
                "read to the end offsets seen at the start, publish, exit: a nightly job, a replay");
  run->add_option("--summary", run_options.summary_file,
                  "write a JSON object with the run's totals here, at the end");
  run->callback([&] { exit_code = run_service(run_options); });

  CheckCommand check_options;
  CLI::App* check =
      app.add_subcommand("check", "tells before the start what would not work, and what to do about it");
  check->add_option("-c,--config", check_options.config, "the deployment's YAML file")->required();
  check->add_flag("--json", check_options.json, "for programs");
  check->callback([&] { exit_code = run_check(check_options); });

  VerifyCommand verify_options;
  CLI::App* verify = app.add_subcommand(
      "verify", "tells from the blobs whether they hold every record once; changes nothing");
  verify->add_option("-c,--config", verify_options.config, "the deployment's YAML file")->required();
  verify->add_flag("--deep", verify_options.deep, "read every blob, count its lines and check its bytes");
  verify->add_flag("--json", verify_options.json, "for programs");
  verify->callback([&] { exit_code = run_verify(verify_options); });

  DemoCommand demo_options;
  CLI::App* demo = app.add_subcommand(
      "demo", "the whole path, here and now: in-process broker, generated traffic, files in a directory");
  demo->add_option("--seconds", demo_options.seconds, "how long to produce")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  demo->add_option("--dir", demo_options.dir,
                   "where files and stage go; default: a new directory for temporary files");
  demo->add_flag("--json", demo_options.json, "print the result as a JSON object");
  demo->callback([&] { exit_code = run_demo(demo_options); });

  VersionCommand version_options;
  CLI::App* version = app.add_subcommand("version", "version, libraries, and what the kernel grants");
  version->add_flag("--json", version_options.json, "for programs");
  version->callback([&] { exit_code = run_version(version_options); });

  CLI::App* reference =
      app.add_subcommand("reference", "prints the reference of the configuration, as conf/REFERENCE.md");
  reference->callback([&] { exit_code = run_reference(); });

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
