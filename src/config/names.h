// The names a person gives to the deployment, the group, the topics, the instance and the files, and the
// moment to start from. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/key.h"

namespace penstock::config {

// Event Hubs' own limit for a group's name.
inline constexpr std::size_t k_group_bytes_max = 256;
// So that penstock-<name>, a directory and a label stay readable, and the group stays far below its own
// limit.
inline constexpr std::size_t k_name_bytes_max = 100;
// Of source.instance.
inline constexpr std::size_t k_instance_bytes_max = 180;
// A group.instance.id has at most 249 bytes. It is <name>-<instance>-w<worker>, and a worker's number has 3
// digits.
inline constexpr std::size_t k_name_and_instance_bytes_max = 249 - 6;

Complaint check_name(std::string_view name);
Complaint check_group(std::string_view group);
Complaint check_topics(const std::vector<std::string>& topics);

// librdkafka takes a subscription for an expression only if it begins with '^'.
Complaint check_topics_regex(const std::string& expression);

// In the characters that Kafka allows for a group.instance.id.
Complaint check_instance(std::string_view name);

// What can be said of batch.path without knowing its placeholders. codec::PathTemplate says the rest.
Complaint check_path_template(std::string_view path);

// "2026-01-31T00:00:00Z", with or without a fraction of a second. UTC only.
Complaint read_time(std::string_view text, WallTime& out);

}  // namespace penstock::config
