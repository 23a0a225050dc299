// From a YAML file to checked settings, or to everything that is wrong with it.
#pragma once

#include <string>

#include <penstock/result.h>

#include "config/environment.h"
#include "config/settings.h"

namespace penstock::config {

// Errors: invalid_input, fatal; the message has a line for each fault, in the order of the file:
//   conf/x.yaml:12: source.brokers: is empty; write at least one host:port
// No message holds a value that was written or drawn from the environment. If the file cannot be read at all,
// the error of reading it.
Result<Settings> load(const std::string& path, const Environment& environment);

// The same for a text; `file` is only a name, for the messages.
Result<Settings> load_text(const std::string& text, const std::string& file, const Environment& environment);

// log.format of a configuration that load() may refuse: text where it cannot be read.
obs::LogFormat log_format_in(const std::string& path, const Environment& environment);

}  // namespace penstock::config
