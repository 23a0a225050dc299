#include "rdkafka/value_probe.h"

#include <array>
#include <memory>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/concat.h"
#include "rdkafka/asking_client.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"

namespace penstock::rdkafka {
namespace {

constexpr int k_turn_ms = 100;

struct MessageDeleter {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};

}  // namespace

Result<std::optional<Offset>> first_value(const source::ConsumerOptions& options,
                                          const TopicPartition& partition, Range range, Millis timeout) {
  const Result<AskingClient> client = AskingClient::make(options, EndOfPartition::reported);
  if (!client) {
    return client.error();
  }
  const RdList list = make_list(std::array{partition});
  list->elems[0].offset = range.first.value;
  if (const rd_kafka_resp_err_t code = rd_kafka_assign(client->get(), list.get());
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, concat("reading ", named(partition)));
  }
  for (const MonoTime deadline = system_clock().now() + timeout; system_clock().now() < deadline;) {
    const std::unique_ptr<rd_kafka_message_t, MessageDeleter> message(
        rd_kafka_consumer_poll(client->get(), k_turn_ms));
    if (message == nullptr) {
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      return std::optional<Offset>();
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka_error(message->err, concat("reading ", named(partition), " at ", range.first.value));
    }
    if (message->offset >= range.next.value) {
      return std::optional<Offset>();
    }
    if (message->len > 0) {
      return std::optional(Offset{message->offset});
    }
  }
  return kafka_error(RD_KAFKA_RESP_ERR__TIMED_OUT, concat("reading ", named(partition)));
}

}  // namespace penstock::rdkafka
