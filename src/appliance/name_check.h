// Whether the sink can hold the names that a topic's files would have, asked before the first record.
#pragma once

#include <string>

#include <penstock/result.h>

#include "codec/blob_name.h"
#include "config/settings.h"

namespace penstock::appliance {

// What is wrong with the longest name that `path` gives to a file of the topic: a clause that goes on behind
// "its files would have a name that ...". Empty: the sink can hold it, and readers of the
// lake see it. Pure.
std::string name_fault_of(const config::Settings& settings, const codec::PathTemplate& path,
                          const std::string& topic);

// The same of the sink's own directory or prefix, as a predicate of sink.url. Pure.
std::string sink_name_fault(const config::Settings& settings);

}  // namespace penstock::appliance
