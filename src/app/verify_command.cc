// `penstock verify`: do the blobs hold every record once? Reads only.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/instance.h"
#include "app/progress_line.h"
#include "app/summary.h"
#include "app/verdict.h"
#include "app/verify_text.h"
#include "appliance/verification.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "config/names.h"
#include "obs/log.h"
#include "verify/findings.h"

namespace penstock::app {
namespace {

std::string megabytes_text(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / 1e6);
  return text;
}

// `pace`: of the bytes.
std::string progress_text(const appliance::VerifyProgress& progress, Pace& pace) {
  std::string text = concat(progress.naming     ? "naming what is wrong: "
                            : progress.counting ? "counting: "
                                                : "looking: ",
                            grouped(progress.blobs), " blobs");
  if (progress.gaps_asked > 0) {
    text += concat(", asking the log about gap ", grouped(progress.gaps_asked));
  }
  if (progress.bytes_read > 0) {
    text += concat(", read ", pace.text(system_clock().now(), progress.bytes_read, progress.bytes));
  }
  return text;
}

int refused(bool json, const Error& error, int exit_code) {
  if (json) {
    std::printf("{\"ok\":false,\"error\":%s}\n", json_string(error.message).c_str());
  }
  if (exit_code == k_wrong_usage) {
    obs::say_lines(obs::Level::error, error.message);
  } else {
    obs::say(obs::Level::error, error.message);
  }
  return exit_code;
}

Error cannot_look(std::string message) {
  return {.kind = ErrorKind::invalid_input,
          .action = Action::fatal,
          .message = std::move(message),
          .code = {},
          .retry_after = {}};
}

// What is wrong with them; empty: nothing.
std::string read_options(const VerifyCommand& command, const config::Settings& settings,
                         appliance::VerifyOptions& options) {
  for (const std::string& topic : command.topics) {
    const std::vector<std::string>& known = settings.source.topics;
    if (!known.empty() && std::find(known.begin(), known.end(), topic) == known.end()) {
      return concat("--topic ", topic, ": source.topics does not have it");
    }
  }
  if (!command.since.empty()) {
    const config::Complaint complaint = config::read_time(command.since, options.since.emplace());
    return complaint.empty() ? complaint : concat("--since ", command.since, ": ", complaint);
  }
  return {};
}

void print(const appliance::VerifyReport& report) {
  std::printf("%s\n", partition_table(report).c_str());
  for (const verify::Finding& finding : report.findings.all()) {
    std::printf("%-6s %-8s %s\n", finding.severity == verify::Severity::fault ? "FAULT" : "note",
                to_string(finding.kind), finding_text(finding).c_str());
  }
  if (report.findings.left_out_count() > 0) {
    std::printf("and %s more\n", grouped(report.findings.left_out_count()).c_str());
  }
  std::printf("%s%s\n", report.findings.all().empty() ? "" : "\n", verify_summary(report).c_str());
}

}  // namespace

int run_verify(const VerifyCommand& command) {
  stand_in_for_instance(command.config);
  const Result<Settings> loaded = Settings::load(command.config);
  if (!loaded.ok()) {
    return refused(command.json, loaded.error(), k_wrong_usage);
  }
  const config::Settings& settings = loaded->details();
  obs::init_log(obs::LogOptions{.level = obs::Level::error});
  if (settings.sink.kind == config::SinkKind::null_store) {
    return refused(command.json,
                   cannot_look("sink.url is null: nothing lands there, so there is nothing to verify"),
                   k_wrong_usage);
  }
  appliance::VerifyOptions options{
      .depth = command.deep ? appliance::Depth::content : appliance::Depth::metadata,
      .topics = command.topics};
  if (const std::string wrong = read_options(command, settings, options); !wrong.empty()) {
    return refused(command.json, cannot_look(wrong), k_wrong_usage);
  }
  return say_verdict(settings, options, command.json);
}

int say_verdict(const config::Settings& settings, const appliance::VerifyOptions& options, bool json) {
  appliance::VerifyOptions counted = options;
  counted.counts_before = !json && options.depth == appliance::Depth::content;
  ProgressLine line(json ? ProgressLine::Where::nowhere : ProgressLine::where(),
                    [](const std::string& text) { obs::say(obs::Level::info, text); });
  Pace pace(megabytes_text, "MB");
  const Result<appliance::VerifyReport> report =
      appliance::verify_lake(settings, counted, [&](const appliance::VerifyProgress& progress) {
        if (line.is_due()) {
          line.show(progress_text(progress, pace));
        }
      });
  line.clear();
  if (!report.ok()) {
    return refused(json, report.error(), k_failed);
  }
  if (json) {
    std::printf("%s\n", verify_json(*report).c_str());
  } else {
    print(*report);
  }
  return report->findings.fault_count() == 0 ? k_done : k_found_something;
}

}  // namespace penstock::app
