// The sub-commands, each with the options that the command line gives it. All return an ExitCode.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "appliance/file_plan.h"

namespace penstock::app {

struct RunCommand {
  std::string config;
  // Where the totals are written at the end. Empty: nowhere.
  std::string summary_file;
  bool exit_at_end = false;
};
// Runs the service until it is stopped, fails, or reaches the end with exit_at_end.
int run_service(const RunCommand& command);

struct ReplayCommand {
  std::string config;
  std::string topic;
  // As appliance::ReplayRequest has them.
  std::string from;
  std::string to;
  bool from_quarantine = false;
  std::string into;
  // Empty: all of the topic.
  std::vector<std::int32_t> partitions;
  std::string summary_file;
  bool json = false;
  // In place of a run.
  bool verify = false;
  bool deep = false;
  bool forget = false;
};
// Reads a range of a topic again, into another place, exactly once.
int run_replay(const ReplayCommand& command);

struct OffsetsCommand {
  // "show" or "set"
  std::string action;
  std::string config;
  // Empty: of show, all of the configuration.
  std::string topic;
  // Empty: all of the topic.
  std::vector<std::int32_t> partitions;
  // Of set, as appliance::LogPlace has it.
  std::string to;
  // Do not ask.
  bool yes = false;
  // Of show: name the last file of each partition.
  bool files = false;
  bool json = false;
};
// Shows what the group has committed, or sets it.
int run_offsets(const OffsetsCommand& command);

struct CheckCommand {
  std::string config;
  // Dollars for 10,000 write operations.
  double price = appliance::k_sample_price;
  bool json = false;
};
// Prints what was tried before a start and what to do about faults. Starts nothing.
int run_check(const CheckCommand& command);

struct VerifyCommand {
  std::string config;
  bool deep = false;
  // Empty: all of the configuration.
  std::vector<std::string> topics;
  // Empty: of all time.
  std::string since;
  bool json = false;
};
// Prints whether the published files hold every record once. Changes nothing.
int run_verify(const VerifyCommand& command);

struct LandedCommand {
  std::string config;
  // Empty: all of the configuration.
  std::vector<std::string> topics;
  std::string until;
  // How long to ask again. Empty: once.
  std::string wait;
  bool marker = false;
  bool json = false;
};
// Says by its exit code whether every record that the log took before a time is in the lake.
int run_landed(const LandedCommand& command);

struct NewCommand {
  std::string topic;
  // The configuration to copy.
  std::string from;
  // Empty: the topic's name.
  std::string name;
  // source.brokers and sink.url. Empty: those of `from`.
  std::string brokers;
  std::string sink;
  // The file to write. Empty: <name>.yaml beside `from`.
  std::string out;
  bool dry_run = false;
};
// Writes a new topic's configuration, shows what differs and what to do next. Overwrites nothing.
int run_new(const NewCommand& command);

struct FilesCommand {
  std::string config;
  // Of a topic, where batch.group_by is partition.
  std::uint32_t partitions = 1;
  // Of all topics together, uncompressed.
  double gigabytes_per_day = 0;
  // Dollars for 10,000 write operations.
  double price = appliance::k_sample_price;
  bool json = false;
};
// Prints the names of files that a configuration makes, and how many files and storage calls a day.
int run_files(const FilesCommand& command);

struct SchemaCommand {
  // A configuration, or a schema.
  std::string file;
  // Of a configuration. Empty: all topics.
  std::string topic;
  // "spark", "databricks". Empty: the tables as trees.
  std::string ddl;
  bool json = false;
};
// Prints the columns that the files of topics have.
int run_schema(const SchemaCommand& command);

struct HealthCommand {
  std::string config = "/etc/penstock/penstock.yaml";
  // "127.0.0.1:9464", in place of a configuration.
  std::string listen;
  bool live = false;
};
// Asks a running instance on this machine whether it is ready, by exit code.
int run_health(const HealthCommand& command);

struct StatusCommand {
  std::string config;
  bool json = false;
};
// Shows what a running instance does. Exit 0: it is ready.
int run_status(const StatusCommand& command);

struct TopCommand {
  std::string config;
  // One frame, and not again.
  bool once = false;
};
// The same again and again, until q or Ctrl-C.
int run_top(const TopCommand& command);

struct DemoCommand {
  std::uint32_t seconds = 30;
  // Empty: a new one below the temporary directory.
  std::string dir;
  bool json = false;
};
// Runs the service on traffic and a broker of its own, and proves that all of it landed.
int run_demo(const DemoCommand& command);

struct VersionCommand {
  bool json = false;
};
// Prints what this program is made of and what the kernel grants it.
int run_version(const VersionCommand& command);

// Prints conf/REFERENCE.md.
int run_reference();

}  // namespace penstock::app
