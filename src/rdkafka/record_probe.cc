#include "rdkafka/record_probe.h"

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "rdkafka/asking_client.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"

namespace penstock::rdkafka {
namespace {

constexpr int k_probe_turn_ms = 100;

struct ProbedMessageDeleter {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};

// None: the message is of the client, and of no partition.
std::optional<TopicPartition> partition_of(const rd_kafka_message_t& message) {
  return message.rkt == nullptr
             ? std::nullopt
             : std::optional(TopicPartition{rd_kafka_topic_name(message.rkt), Partition{message.partition}});
}

}  // namespace

Result<std::map<TopicPartition, RecordProbe>> probe_records(const source::ConsumerOptions& options,
                                                            const std::map<TopicPartition, Position>& at,
                                                            Millis timeout, Transactions transactions) {
  std::map<TopicPartition, RecordProbe> found;
  if (at.empty()) {
    return found;
  }
  const Result<AskingClient> client = AskingClient::make(options, EndOfPartition::reported, transactions);
  if (!client) {
    return client.error();
  }
  std::vector<TopicPartition> partitions;
  for (const auto& [id, position] : at) {
    partitions.push_back(id);
  }
  const RdList list = make_list(partitions);
  for (int i = 0; i < list->cnt; ++i) {
    list->elems[i].offset = at.at(partitions[static_cast<std::size_t>(i)]).value;
  }
  if (const rd_kafka_resp_err_t code = rd_kafka_assign(client->get(), list.get());
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, "reading single records");
  }
  std::set<TopicPartition> waiting(partitions.begin(), partitions.end());
  const MonoTime deadline = system_clock().now() + timeout;
  while (!waiting.empty() && system_clock().now() < deadline) {
    const std::unique_ptr<rd_kafka_message_t, ProbedMessageDeleter> message(
        rd_kafka_consumer_poll(client->get(), k_probe_turn_ms));
    const std::optional<TopicPartition> id = message ? partition_of(*message) : std::nullopt;
    if (!id || waiting.erase(*id) == 0) {
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      found.emplace(*id, RecordProbe{.timestamp_ms = rd_kafka_message_timestamp(message.get(), nullptr),
                                     .value_bytes = message->len});
    }
  }
  return found;
}

}  // namespace penstock::rdkafka
