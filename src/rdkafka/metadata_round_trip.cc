#include "rdkafka/metadata_round_trip.h"

#include <cstring>
#include <string>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/concat.h"
#include "rdkafka/asking_client.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"
#include "rdkafka/scratch_group.h"

namespace penstock::rdkafka {
namespace {

// As long as a claim may be: Event Hubs' limit is 1,024 bytes.
constexpr std::size_t k_metadata_bytes = 1000;

constexpr std::chrono::milliseconds k_between_tries{500};

void set_metadata(rd_kafka_t* client, rd_kafka_topic_partition_t& row, const std::string& text) {
  row.metadata = rd_kafka_mem_malloc(client, text.size());  // the list frees it
  std::memcpy(row.metadata, text.data(), text.size());
  row.metadata_size = text.size();
}

// A broker that has just started is not the coordinator of its groups yet, and refuses.
Result<void> commit_within(rd_kafka_t* client, const RdList& list, std::chrono::milliseconds timeout,
                           const std::string& what) {
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
    std::this_thread::sleep_for(k_between_tries);
  }
}

}  // namespace

Result<void> try_metadata_round_trip(const source::ConsumerOptions& options, const TopicPartition& partition,
                                     std::chrono::milliseconds timeout) {
  const source::ConsumerOptions scratch = in_scratch_group(options);
  const Result<AskingClient> client = AskingClient::make(scratch, EndOfPartition::silent);
  if (!client) {
    return client.error();
  }
  const std::string what = concat("an offset with metadata in the scratch group ", scratch.group);
  const std::string sent = "penstock-check;" + std::string(k_metadata_bytes - 15, 'x');
  const RdList list = make_list(std::span(&partition, 1));
  list->elems[0].offset = 0;
  set_metadata(client->get(), list->elems[0], sent);
  if (Result<void> committed = commit_within(client->get(), list, timeout, concat("committing ", what));
      !committed.ok()) {
    return committed;
  }
  const RdList read = make_list(std::span(&partition, 1));
  if (const auto code = rd_kafka_committed(client->get(), read.get(), static_cast<int>(timeout.count()));
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, concat("reading back ", what));
  }
  const rd_kafka_topic_partition_t& row = read->elems[0];
  const std::string_view came_back(row.metadata != nullptr ? static_cast<const char*>(row.metadata) : "",
                                   row.metadata != nullptr ? row.metadata_size : 0);
  if (row.offset != 0 || came_back != sent) {
    return make_error(
        ErrorKind::unsupported, Action::fatal,
        concat("the broker does not give back the metadata of a committed offset (", came_back.size(), " of ",
               sent.size(), " bytes came back), which exactly_once rests on: write guarantee: at_least_once"),
        "metadata");
  }
  return {};
}

}  // namespace penstock::rdkafka
