#include "rdkafka/metadata_round_trip.h"

#include <string>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "base/concat.h"
#include "rdkafka/asking_client.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/lone_commit.h"
#include "rdkafka/rd_handles.h"
#include "rdkafka/scratch_group.h"

namespace penstock::rdkafka {
namespace {

// As long as a claim may be: Event Hubs' limit is 1,024 bytes.
constexpr std::size_t k_metadata_bytes = 1000;

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
  const GroupEntry entry{.position = Position{0}, .metadata = sent};
  if (Result<void> committed =
          commit_over(client->get(), {{partition, entry}}, timeout, concat("committing ", what));
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
