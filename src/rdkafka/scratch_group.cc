// The library's admin API tells the instance ids of members, too. It is not used: up to 2.0 it fails an
// assertion, and ends the process, where the broker does not know a request that goes to a coordinator.
#include "rdkafka/scratch_group.h"

#include <memory>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "base/concat.h"
#include "rdkafka/asking_client.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"

namespace penstock::rdkafka {
namespace {

struct GroupListDeleter {
  void operator()(const rd_kafka_group_list* list) const { rd_kafka_group_list_destroy(list); }
};

std::string text_of(const char* text) {
  return text != nullptr ? text : "";
}

}  // namespace

std::string scratch_group(const std::string& group) {
  constexpr std::string_view k_suffix = ".check";
  return group.substr(0, 256 - k_suffix.size()) + std::string(k_suffix);
}

source::ConsumerOptions in_scratch_group(const source::ConsumerOptions& options) {
  source::ConsumerOptions scratch = options;
  scratch.group = scratch_group(options.group);
  scratch.group_instance_id.clear();
  return scratch;
}

bool is_instance(const GroupMember& member, const std::string& instance_id) {
  return !instance_id.empty() && member.member_id.starts_with(instance_id + "-");
}

Result<std::vector<GroupMember>> group_members(const source::ConsumerOptions& options,
                                               std::chrono::milliseconds timeout) {
  const Result<AskingClient> client = AskingClient::make(options, EndOfPartition::silent);
  if (!client) {
    return client.error();
  }
  const rd_kafka_group_list* answer = nullptr;
  const auto code =
      rd_kafka_list_groups(client->get(), options.group.c_str(), &answer, static_cast<int>(timeout.count()));
  const std::unique_ptr<const rd_kafka_group_list, GroupListDeleter> groups(answer);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, concat("asking who is in the group ", options.group));
  }
  std::vector<GroupMember> members;
  for (int i = 0; i < groups->group_cnt; ++i) {
    for (int m = 0; m < groups->groups[i].member_cnt; ++m) {
      const rd_kafka_group_member_info& member = groups->groups[i].members[m];
      members.push_back({.member_id = text_of(member.member_id),
                         .client_id = text_of(member.client_id),
                         .host = text_of(member.client_host)});
    }
  }
  return members;
}

}  // namespace penstock::rdkafka
