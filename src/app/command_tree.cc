// The commands and their options, as CLI11 reads them. Each command fills a struct of commands.h and names
// the function that runs it. `--help`, the manual page and the completions are made from the same
// descriptions.
#include "app/command_tree.h"

#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>

#include "app/exit_code.h"
#include "app/manual.h"

namespace penstock::app {
namespace {

constexpr const char* k_exit_codes =
    "Exit codes:\n"
    "  0  done\n"
    "  1  failed while running\n"
    "  2  wrong usage or configuration, or another process has the same source.instance\n"
    "  3  check or verify found a fault, or landed: not yet";

constexpr const char* k_config_help = "Read the deployment's configuration from this YAML file.";
constexpr const char* k_price_help =
    "Dollars for 10,000 write operations. The default is a sample price of hot, flat storage: put in your "
    "own.";
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
                    "Stop where the topics end now, and exit 0 when the group is there: for a nightly job.");
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

void add_replay_range(CLI::App& command, ReplayCommand& options) {
  command.add_option("--topic", options.topic, "Read this topic again. source.topics has it.")
      ->type_name("NAME")
      ->required();
  CLI::Option* from = command
                          .add_option("--from", options.from,
                                      "Begin here: a time (2026-01-31T00:00:00Z), an offset in each "
                                      "partition, or earliest.")
                          ->type_name("TIME|OFFSET");
  CLI::Option* to = command
                        .add_option("--to", options.to,
                                    "End before this time or offset, or at the end that the logs have at the "
                                    "first run.")
                        ->type_name("TIME|OFFSET|end");
  command
      .add_flag(
          "--from-quarantine", options.from_quarantine,
          "In place of a range: the records that the service has in quarantine, by the rules as they are "
          "now.")
      ->excludes(from)
      ->excludes(to);
  command
      .add_option("--into", options.into,
                  "Land the files there: a prefix in the container of sink.url, a directory's absolute path, "
                  "or a URL.")
      ->type_name("PREFIX")
      ->required();
  command
      .add_option("--partition", options.partitions, "Read this partition alone. May be given several times.")
      ->type_name("N")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->allow_extra_args(false);
}

void add_replay(CLI::App& app, ReplayCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "replay", "Read a range of one topic again, into another place, while the service runs or not.");
  command->add_option("-c,--config", options.config, k_config_help)->type_name("FILE")->required();
  add_replay_range(*command, options);
  command
      ->add_option("--summary", options.summary_file,
                   "Write the totals to this file at the end, as a JSON object.")
      ->type_name("FILE");
  command->add_flag("--json", options.json, "Print the totals, or with --verify what was found, as JSON.");
  CLI::Option* verify =
      command->add_flag("--verify", options.verify,
                        "Say whether the replay's files hold its range exactly once. Change nothing.");
  command->add_flag("--deep", options.deep, "With --verify: read every file too.")->needs(verify);
  command
      ->add_flag("--forget", options.forget,
                 "Remove the replay's position: the same options then land all of it again. Files stay.")
      ->excludes(verify);
  command->footer(footer(
      "The same options are the same replay. Run again after a stop or a fault, it goes on where it was. "
      "Run\n"
      "again after its end, it says that it is done. It has a consumer group of its own, named after the\n"
      "service's, and a stage of its own beside that of the service. A second run of penstock needs its own\n"
      "runtime.memory and room for stage.max_bytes.\n"
      "\n"
      "Examples:\n"
      "  penstock replay --config penstock.yaml --topic orders --from 2026-01-30T00:00:00Z \\\n"
      "      --to 2026-01-31T00:00:00Z --into replayed\n"
      "  penstock replay ... --verify --deep\n"
      "  penstock replay --config penstock.yaml --topic orders --from-quarantine --into requeued\n"));
  command->callback([&] { exit_code = run_replay(options); });
}

void add_offsets(CLI::App& app, OffsetsCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "offsets", "Show the group's positions and claims, or set positions while no member is there.");
  command->add_option("ACTION", options.action, "show or set.")
      ->required()
      ->check(CLI::IsMember({"show", "set"}).description(""));
  command->add_option("-c,--config", options.config, k_config_help)->type_name("FILE")->required();
  command->add_option("--topic", options.topic, "This topic alone. For set it is required.")
      ->type_name("NAME");
  command->add_option("--partition", options.partitions, "This partition alone. May be given several times.")
      ->type_name("N")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->allow_extra_args(false);
  command
      ->add_option("--to", options.to,
                   "Of set: a time (2026-01-31T00:00:00Z), an offset in each partition, earliest or latest.")
      ->type_name("TIME|OFFSET");
  command->add_flag("--yes", options.yes, "Of set: do not ask. Required where there is no terminal.");
  command->add_flag("--files", options.files, "Of show: list the sink, and name each partition's last file.");
  command->add_flag("--json", options.json, k_json_help);
  command->footer(footer(
      "show may run beside the service. set shows what it would replace, asks, joins the group, settles\n"
      "claims that are pending, commits, and leaves. It takes source.fence_wait and some seconds. It "
      "changes\n"
      "what exactly_once rests on: set back, the next run lands records again; set forward, it skips some.\n"
      "\n"
      "Examples:\n"
      "  penstock offsets show --config penstock.yaml\n"
      "  penstock offsets set --config penstock.yaml --topic orders --to 2026-01-31T00:00:00Z\n"));
  command->callback([&] { exit_code = run_offsets(options); });
}

void add_check(CLI::App& app, CheckCommand& options, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("check", "Try everything the service needs, and say how to fix what fails.");
  command->add_option("-c,--config", options.config, k_config_help)->type_name("FILE")->required();
  command->add_option("--price-per-10k,--price", options.price, k_price_help)
      ->type_name("N")
      ->check(CLI::Range(0.0, 1e3).description(""))
      ->capture_default_str();
  command->add_flag("--json", options.json, k_json_help);
  command->footer(footer(
      "Each line is something that was tried: \"ok\" and what was found, \"warn\" and what is not as one "
      "would\n"
      "want, or \"FAULT\" and what to do. After a FAULT run would end, or wait. Run it as the service's "
      "user.\n"
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
  command->add_flag("--deep", options.deep, "Read every file too: count its lines and compare its checksum.");
  command->add_option("--topic", options.topics, "Look at this topic alone. May be given several times.")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command
      ->add_option("--since", options.since,
                   "Judge only what was produced since then, such as 2026-01-31T00:00:00Z.")
      ->type_name("TIME");
  command->add_flag("--json", options.json, k_json_help);
  command->footer(footer(
      "Works from the list of files and the positions of the consumer group, while the service runs or not.\n"
      "\n"
      "Example:\n"
      "  penstock verify --config penstock.yaml --deep\n"));
  command->callback([&] { exit_code = run_verify(options); });
}

void add_landed(CLI::App& app, LandedCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "landed", "Say whether every record that the topics took before a time is in the lake.");
  command->add_option("-c,--config", options.config, k_config_help)->type_name("FILE")->required();
  command->add_option("--until", options.until, "The end of the window, such as 2026-01-31T10:00:00Z.")
      ->type_name("TIME")
      ->required();
  command->add_option("--topic", options.topics, "Ask of this topic alone. May be given several times.")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command->add_option("--wait", options.wait, "Ask again until it is so, at most for so long, such as 10m.")
      ->type_name("TIME");
  command->add_flag("--marker", options.marker,
                    "Leave _landed/TOPIC/20260131T100000Z in the sink for each topic that has landed.");
  command->add_flag("--json", options.json, k_json_help);
  command->footer(footer(
      "Asks the brokers for the group's positions and for the first record that is not in the lake, and\n"
      "the service not at all. Exit 0: that one is of TIME or later, or there is none, and a batch job may\n"
      "begin. Exit 3: not yet, and a sentence names the topic that is furthest behind, or says that no "
      "topic\n"
      "matches the expression. A first record that is dated ahead of the clock keeps a window open until it\n"
      "has landed. TIME is a whole second in UTC. This machine's clock must agree with the brokers'.\n"
      "\n"
      "Examples:\n"
      "  penstock landed --config penstock.yaml --until 2026-01-31T10:00:00Z --wait 10m\n"
      "  penstock landed --config penstock.yaml --topic orders --until 2026-01-31T10:00:00Z --marker\n"));
  command->callback([&] { exit_code = run_landed(options); });
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

void add_new(CLI::App& app, NewCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand("new", "Write a new topic's configuration from an existing one.");
  command->add_option("TOPIC", options.topic, "The topic that the new deployment reads.")->required();
  command->add_option("--from", options.from, "Copy this configuration, which reads one topic.")
      ->type_name("FILE")
      ->required();
  command->add_option("--name", options.name, "The deployment's name. Default: the topic.")
      ->type_name("NAME");
  command
      ->add_option("--brokers", options.brokers, "Read from there. Default: as in the configuration copied.")
      ->type_name("HOST:PORT");
  command
      ->add_option("--sink", options.sink, "Land the files there. Default: as in the configuration copied.")
      ->type_name("URL");
  command
      ->add_option("--out", options.out, "Write this file. Default: NAME.yaml beside the one that is copied.")
      ->type_name("FILE");
  command->add_flag("--dry-run", options.dry_run, "Show what would be written, and write nothing.");
  command->footer(footer(
      "Comments and layout stay. Names, group, paths and the admin port change, and the lines that differ "
      "are\n"
      "shown. In /etc/penstock the new instance also gets the credentials of the former one's drop-in.\n"
      "A file that is there is never overwritten.\n"
      "\n"
      "Example:\n"
      "  penstock new payments --from /etc/penstock/api-gateway.yaml\n"));
  command->callback([&] { exit_code = run_new(options); });
}

void add_files(CLI::App& app, FilesCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "files",
      "Show the names of files that a configuration makes, how many a day, and what the calls cost.");
  command->add_option("-c,--config", options.config, k_config_help)->type_name("FILE")->required();
  command
      ->add_option("--gb-per-day", options.gigabytes_per_day,
                   "What all topics together take in, in 10^9 bytes.")
      ->type_name("N")
      ->check(CLI::Range(0.0, 1e6).description(""));
  command->add_option("--partitions", options.partitions, "How many partitions each topic has.")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000).description(""))
      ->capture_default_str();
  command->add_option("--price-per-10k,--price", options.price, k_price_help)
      ->type_name("N")
      ->check(CLI::Range(0.0, 1e3).description(""))
      ->capture_default_str();
  command->add_flag("--json", options.json, k_json_help);
  command->footer(
      footer("Asks nobody: no broker, no store, no disk, and needs no secret.\n"
             "\n"
             "Example:\n"
             "  penstock files --config penstock.yaml --gb-per-day 300\n"));
  command->callback([&] { exit_code = run_files(options); });
}

void add_schema(CLI::App& app, SchemaCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "schema", "Show the columns that files of Parquet have: of a configuration's topics, or of a schema.");
  command->add_option("file", options.file, "A configuration, an Avro schema or a JSON Schema.")
      ->type_name("FILE")
      ->required();
  command->add_option("--topic", options.topic, "Of a configuration: this topic alone, which it must land.")
      ->type_name("TOPIC");
  command->add_option("--ddl", options.ddl, "Print CREATE TABLE for this engine.")
      ->type_name("ENGINE")
      ->check(CLI::IsMember({"spark", "databricks"}).description(""));
  command->add_flag("--json", options.json, k_json_help)->excludes("--ddl");
  command->footer(footer(
      "Asks nobody, and needs no secret. But with batch.schema: registry it asks the registry for the\n"
      "versions of TOPIC-value, with the login of the configuration. With topics_regex, that and\n"
      "the overrides stand for the topics that they find. Name one with --topic to ask for its schema.\n"
      "\n"
      "Example:\n"
      "  penstock schema penstock.yaml --topic orders --ddl databricks\n"));
  command->callback([&] { exit_code = run_schema(options); });
}

void add_health(CLI::App& app, HealthCommand& options, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("health", "Ask a running instance whether it is ready: exit 0 if it is, else 1.");
  command
      ->add_option("-c,--config", options.config,
                   "The instance's configuration, of which admin.listen is read.")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_option("--listen", options.listen, "Ask at this address, in place of a configuration's.")
      ->type_name("ADDRESS");
  command->add_flag("--live", options.live,
                    "Ask whether its threads go on (/healthz), not whether it is ready.");
  command->footer(
      footer("For the health checks of containers, which have no HTTP client.\n"
             "\n"
             "Example:\n"
             "  penstock health --config /etc/penstock/penstock.yaml\n"));
  command->callback([&] { exit_code = run_health(options); });
}

constexpr const char* k_instance_help =
    "The instance's configuration. It may stand without the option's name.";
constexpr const char* k_admin_token_words =
    "Asks at admin.listen of the configuration, and shows admin.token where there is one.\n";

void add_status(CLI::App& app, StatusCommand& options, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "status", "Show what a running instance does: exit 0 if it is ready, else 1 and what is in the way.");
  command->add_option("-c,--config,FILE", options.config, k_instance_help)->type_name("FILE")->required();
  command->add_flag("--json", options.json, k_json_help);
  command->footer(footer(std::string(k_admin_token_words) +
                         "\n"
                         "Example:\n"
                         "  penstock status /etc/penstock/penstock.yaml\n"));
  command->callback([&] { exit_code = run_status(options); });
}

void add_top(CLI::App& app, TopCommand& options, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("top", "Show what a running instance does, again and again, until q or Ctrl-C.");
  command->add_option("-c,--config,FILE", options.config, k_instance_help)->type_name("FILE")->required();
  command->add_flag("--once", options.once, "Show it once, as where the output is no terminal.");
  command->footer(footer(std::string(k_admin_token_words) + "\n"
                                                            "Example:\n"
                                                            "  penstock top /etc/penstock/penstock.yaml\n"));
  command->callback([&] { exit_code = run_top(options); });
}

void add_reference(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "reference", "Print every configuration key with its limits and its default, as Markdown.");
  command->footer(footer());
  command->callback([&] { exit_code = run_reference(); });
}

// Printed here, since both are made of the tree itself.
void add_manual(CLI::App& app, int& section) {
  CLI::App* command = app.add_subcommand(
      "manual", "Print a manual page: 1 for the commands, 5 for the configuration. Show it with man -l -.");
  command->add_option("SECTION", section, "1 or 5.")
      ->required()
      ->check(CLI::IsMember({1, 5}).description(""));
  command->footer(footer());
  command->callback(
      [&] { std::fputs((section == 1 ? command_manual(app) : configuration_manual()).c_str(), stdout); });
}

void add_completion(CLI::App& app, std::string& shell) {
  CLI::App* command =
      app.add_subcommand("completion", "Print a script that completes penstock's commands in a shell.");
  command->add_option("SHELL", shell, "bash, zsh or fish.")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));
  command->footer(
      footer("Example:\n"
             "  source <(penstock completion bash)\n"));
  command->callback([&] {
    const std::string script = shell == "bash"  ? bash_completion(app)
                               : shell == "zsh" ? zsh_completion(app)
                                                : fish_completion(app);
    std::fputs(script.c_str(), stdout);
  });
}

}  // namespace

void add_commands(CLI::App& app, CommandOptions& options, int& exit_code) {
  app.footer(
      footer("Start here:\n"
             "  penstock demo                           see it work, without any setup\n"
             "  penstock check --config penstock.yaml   before the first run\n"
             "  penstock run --config penstock.yaml\n"));
  add_run(app, options.run, exit_code);
  add_replay(app, options.replay, exit_code);
  add_offsets(app, options.offsets, exit_code);
  add_check(app, options.check, exit_code);
  add_new(app, options.new_topic, exit_code);
  add_files(app, options.files, exit_code);
  add_schema(app, options.schema, exit_code);
  add_verify(app, options.verify, exit_code);
  add_landed(app, options.landed, exit_code);
  add_health(app, options.health, exit_code);
  add_status(app, options.status, exit_code);
  add_top(app, options.top, exit_code);
  add_demo(app, options.demo, exit_code);
  add_version(app, options.version, exit_code);
  add_reference(app, exit_code);
  add_manual(app, options.manual_section);
  add_completion(app, options.completion_shell);
}

}  // namespace penstock::app
