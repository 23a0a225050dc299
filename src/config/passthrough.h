// source.librdkafka: properties that are handed to librdkafka as they are, without those that penstock sets
// itself.
#pragma once

#include <map>
#include <string>

#include "config/document.h"
#include "config/key.h"
#include "config/secret.h"

namespace penstock::config {

// Refuses a property on which the guarantee, the memory plan or another key rests, and says what to write in
// its place. Whether librdkafka knows the others, and takes their values, it says itself at start.
Complaint read_passthrough(const Node& node, std::map<std::string, Secret>& out);

}  // namespace penstock::config
