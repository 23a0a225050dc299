// What `penstock check` asks of groups: who is in one, and which one is its own.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "source/consumer_options.h"

namespace penstock::rdkafka {

// "penstock-api-gateway.check": of the group's own name, since rights are given by prefix.
std::string scratch_group(const std::string& group);

// These options as a dynamic member of the scratch group.
source::ConsumerOptions in_scratch_group(const source::ConsumerOptions& options);

struct GroupMember {
  std::string member_id;
  std::string client_id;
  std::string host;
};

// Whether this member has the instance id: a broker makes the member id of a static member of it (KIP-345).
// Pure.
bool is_instance(const GroupMember& member, const std::string& instance_id);

// Who is in the group now. Blocks for at most about `timeout`.
Result<std::vector<GroupMember>> group_members(const source::ConsumerOptions& options,
                                               std::chrono::milliseconds timeout);

}  // namespace penstock::rdkafka
