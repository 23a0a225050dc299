#include "rdkafka/metadata_round_trip.h"

#include <cstring>

#include <librdkafka/rdkafka.h>

#include "base/concat.h"
#include "rdkafka/client_properties.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"

namespace penstock::rdkafka {
namespace {

// As long as a claim may be: Event Hubs' limit is 1,024 bytes.
constexpr std::size_t k_metadata_bytes = 1000;

void set_metadata(rd_kafka_t* client, rd_kafka_topic_partition_t& row, const std::string& text) {
  row.metadata = rd_kafka_mem_malloc(client, text.size());  // the list frees it
  std::memcpy(row.metadata, text.data(), text.size());
  row.metadata_size = text.size();
}

}  // namespace

std::string scratch_group(const std::string& group) {
  constexpr std::string_view k_suffix = ".check";
  return group.substr(0, 256 - k_suffix.size()) + std::string(k_suffix);
}

Result<void> try_metadata_round_trip(const source::ConsumerOptions& options, const TopicPartition& partition,
                                     std::chrono::milliseconds timeout) {
  source::ConsumerOptions scratch = options;
  scratch.group = scratch_group(options.group);
  scratch.group_instance_id.clear();
  const auto properties = client_properties(scratch, EndOfPartition::silent, rd_kafka_version());
  if (!properties) {
    return properties.error();
  }
  ClientCallbacks callbacks;
  callbacks.log = options.log;
  callbacks.error = [](int, const std::string&) {};
  const Result<RdClient> client = make_client(ClientKind::consumer, *properties, callbacks);
  if (!client) {
    return client.error();
  }
  const std::string what = concat("an offset with metadata in the scratch group ", scratch.group);
  const std::string sent = "penstock-check;" + std::string(k_metadata_bytes - 15, 'x');
  const RdList list = make_list(std::span(&partition, 1));
  list->elems[0].offset = 0;
  set_metadata(client->get(), list->elems[0], sent);
  if (const auto code = rd_kafka_commit(client->get(), list.get(), 0); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, concat("committing ", what));
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
