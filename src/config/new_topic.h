// A new topic's configuration from an existing one: the same text with other names, for `penstock new`. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <penstock/result.h>

namespace penstock::config {

struct NewTopic {
  std::string topic;
  // The deployment's name.
  std::string name;
  // source.brokers and sink.url; empty: as they are, the latter with the new names in it.
  std::string brokers;
  std::string sink_url;
  // Ports on this machine that other configurations listen on.
  std::set<std::uint16_t> ports_taken;
  // The former configuration is an example, which nobody runs: its port is free.
  bool is_from_example = false;
};

struct ChangedLine {
  // From 1. Of a line that was added at the end: behind the last one.
  int line = 1;
  // Without their line ends. `before` is empty for a line that was added.
  std::string before;
  std::string after;
};

struct NewConfiguration {
  std::string text;
  // The name of the deployment that it was copied from.
  std::string former_name;
  std::vector<ChangedLine> changes;
  // What a person should know of: sentences.
  std::vector<std::string> notes;
};

// Comments, order and layout stay. Changed are: name, source.topics, and, where they are written,
// source.group and source.instance; the former name or topic within batch.path, sink.url and stage.dir; the
// port of admin.listen, to the next one that is free; source.brokers and sink.url where they are given.
//
// Errors: `text` is not a configuration of one topic (several, or an expression), `topic` or `name` is none;
// or a value is written in a way that cannot be replaced (escapes, several lines, several brokers).
Result<NewConfiguration> configuration_for(const NewTopic& wanted, const std::string& text,
                                           const std::string& file);

}  // namespace penstock::config
