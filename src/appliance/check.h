// Tries, before the start, everything that the service will need.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"

namespace penstock::appliance {

enum class CheckSeverity : std::uint8_t { ok, fault };

struct CheckRow {
  // What was tried: "stage", "brokers", "topic", "sink". There is a row per topic.
  std::string name;
  CheckSeverity severity = CheckSeverity::ok;
  // ok: what was found. fault: what is wrong, and what to do about it.
  std::string text;
};

struct CheckReport {
  // In the order in which they were tried.
  std::vector<CheckRow> rows;

  bool all_ok() const;
};

// Tries the stage's disk, the kernel's I/O, the brokers, the topics, the group, the memory and the sink, each
// as the service would with these settings. One that fails does not keep the others from being tried. Blocks
// for as long as brokers and store take to answer, at most about a minute and a half.
//
// It leaves behind the stage's directory and a directory that is the sink, if they were not there. With
// exactly_once it also commits an offset of a group of its own (rdkafka/metadata_round_trip.h).
CheckReport check_deployment(const config::Settings& settings);

}  // namespace penstock::appliance
