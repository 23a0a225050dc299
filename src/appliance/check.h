// Tries, before the start, everything that the service will need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "appliance/file_plan.h"
#include "config/settings.h"

namespace penstock::appliance {

// warning: the service will start, and not as one might expect. not_tried: something before it has a fault.
enum class CheckSeverity : std::uint8_t { ok, warning, fault, not_tried };

struct CheckRow {
  // What was tried: "stage", "brokers", "topic", "sink". There is a row per topic, or one for many.
  std::string name;
  CheckSeverity severity = CheckSeverity::ok;
  // ok: what was found. Otherwise what is wrong, and what to do about it.
  std::string text;
};

struct CheckReport {
  // In the order in which they were tried.
  std::vector<CheckRow> rows;

  // Which files the topics will make, by what came into them lately. None: that is not known.
  std::optional<FilePlan> files{};

  // No fault; there may be warnings.
  bool all_ok() const;
};

// Tries the kernel's I/O, the brokers, the topics, the group, the memory, the stage's disk, the sink, the
// schema registry and the admin address, each as the service would with these settings. After a fault a start
// ends, or the service waits and is not ready. There is one thing that is a warning all the same, as it is no
// fault of the settings: this deployment is running, so that another one beside it would be refused. The way
// to the brokers and the way to the store are chains (check_chain.h): what is behind the first fault is not
// tried, and told so. Otherwise one that fails does not keep the others from being tried. Blocks for as long
// as brokers and store take to answer, at most about two minutes.
//
// It leaves nothing behind. With exactly_once it uses a consumer group of its own
// (rdkafka/scratch_group.h), and says so where the broker does not let it delete that.
//
// `price_per_10k`: dollars for 10,000 write operations, for what the calls of the files cost.
CheckReport check_deployment(const config::Settings& settings, double price_per_10k);

}  // namespace penstock::appliance
