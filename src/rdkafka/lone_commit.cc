#include "rdkafka/lone_commit.h"

#include <cstring>
#include <thread>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/concat.h"
#include "rdkafka/asking_client.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"

namespace penstock::rdkafka {
namespace {

constexpr std::chrono::milliseconds k_between_commit_tries{500};

void set_metadata(rd_kafka_t* client, rd_kafka_topic_partition_t& row, const std::string& text) {
  if (text.empty()) {
    return;
  }
  row.metadata = rd_kafka_mem_malloc(client, text.size());  // the list frees it
  std::memcpy(row.metadata, text.data(), text.size());
  row.metadata_size = text.size();
}

}  // namespace

// A broker that has just started is not the coordinator of its groups yet, and refuses.
Result<void> commit_over(rd_kafka_s* client, const std::map<TopicPartition, GroupEntry>& entries,
                         std::chrono::milliseconds timeout, const std::string& what) {
  std::vector<TopicPartition> partitions;
  for (const auto& [id, entry] : entries) {
    partitions.push_back(id);
  }
  const RdList list = make_list(partitions);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const GroupEntry& entry = entries.at(partitions[i]);
    list->elems[i].offset = entry.position.value;
    set_metadata(client, list->elems[i], entry.metadata);
  }
  const MonoTime deadline = system_clock().now() + timeout;
  for (;;) {
    const rd_kafka_resp_err_t code = rd_kafka_commit(client, list.get(), 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      return {};
    }
    Error error = kafka_error(code, what);
    if (error.action != Action::retry || system_clock().now() >= deadline) {
      return error;
    }
    std::this_thread::sleep_for(k_between_commit_tries);
  }
}

Result<void> commit_without_members(const source::ConsumerOptions& options,
                                    const std::map<TopicPartition, GroupEntry>& entries,
                                    std::chrono::milliseconds timeout) {
  const Result<AskingClient> client = AskingClient::make(options, EndOfPartition::silent);
  if (!client) {
    return client.error();
  }
  return commit_over(client->get(), entries, timeout, concat("committing in the group ", options.group));
}

}  // namespace penstock::rdkafka
