// How it works
//
// The mock brokers of librdkafka live in a client, here `keeper`, which sends nothing itself. They are ended
// first, and the client after them. A Producer is a client of its own. It connects to them by 127.0.0.1 as to
// any other cluster.
//
// The worked case is a producer that is faster than the brokers:
//
//   1. offer() copies the record into the library's queue, and returns `queued`. A thread of the library
//      sends it.
//   2. With k_queued_max records in the queue, offer() returns `full` and has kept nothing.
//   3. serve() waits for reports of delivery. Each report runs the callback, which counts its record as
//      delivered or as failed, and frees a place in the queue. The same record is offered again.
//   4. flush() serves until the queue is empty. Then delivered_count() and failed_count() together are the
//      number of records that were queued.
#include "rdkafka/mock_cluster.h"

#include <array>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "rdkafka/client_properties.h"
// The mock API must follow the main one.
#include <librdkafka/rdkafka_mock.h>

#include "base/concat.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"

namespace penstock::rdkafka {
namespace {

// What the brokers say that they understand, corrected: they know Metadata v4 and keep quiet about it, and
// write a leader epoch of eight bytes into ListOffsets from v4 on.
void correct_versions(rd_kafka_mock_cluster_t* brokers) {
  constexpr std::int16_t k_list_offsets = 2;
  constexpr std::int16_t k_metadata = 3;
  rd_kafka_mock_set_apiversion(brokers, k_list_offsets, 0, 3);
  rd_kafka_mock_set_apiversion(brokers, k_metadata, 0, 4);
}

}  // namespace

struct MockCluster::Parts {
  ClientCallbacks callbacks;
  RdClient keeper;  // the client that the mock brokers live in
  rd_kafka_mock_cluster_t* brokers = nullptr;
};

MockCluster::MockCluster() : parts_(std::make_unique<Parts>()) {}

MockCluster::~MockCluster() {
  if (parts_->brokers != nullptr) {
    rd_kafka_mock_cluster_destroy(parts_->brokers);
  }
}

Result<std::unique_ptr<MockCluster>> MockCluster::start(int broker_count) {
  std::unique_ptr<MockCluster> cluster(new MockCluster);
  const std::array properties{Property{"client.id", "penstock-mock"}};
  Result<RdClient> keeper = make_client(ClientKind::producer, properties, cluster->parts_->callbacks);
  if (!keeper) {
    return keeper.error();
  }
  cluster->parts_->keeper = std::move(*keeper);
  cluster->parts_->brokers = rd_kafka_mock_cluster_new(cluster->parts_->keeper.get(), broker_count);
  if (cluster->parts_->brokers == nullptr) {
    return kafka_error(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, "starting the in-process brokers on 127.0.0.1");
  }
  correct_versions(cluster->parts_->brokers);
  return cluster;
}

std::string MockCluster::brokers() const {
  return rd_kafka_mock_cluster_bootstraps(parts_->brokers);
}

Result<void> MockCluster::create_topic(const std::string& name, int partition_count) {
  const rd_kafka_resp_err_t code =
      rd_kafka_mock_topic_create(parts_->brokers, name.c_str(), partition_count, 1);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, concat("creating topic ", name));
  }
  return {};
}

void MockCluster::set_brokers(Brokers state) {
  if (state == Brokers::up) {
    rd_kafka_mock_broker_set_up(parts_->brokers, -1);
  } else {
    rd_kafka_mock_broker_set_down(parts_->brokers, -1);
  }
}

void MockCluster::lead(const TopicPartition& id, int broker) {
  rd_kafka_mock_partition_set_leader(parts_->brokers, id.topic.c_str(), id.partition.value, broker);
}

void MockCluster::fail_topic(const std::string& name, int code) {
  rd_kafka_mock_topic_set_error(parts_->brokers, name.c_str(), static_cast<rd_kafka_resp_err_t>(code));
}

void MockCluster::fail_next(std::int16_t api_key, std::span<const int> codes) {
  std::vector<rd_kafka_resp_err_t> errors;
  for (const int code : codes) {
    errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
  }
  rd_kafka_mock_push_request_errors_array(parts_->brokers, api_key, errors.size(), errors.data());
}

struct Producer::Parts {
  ClientCallbacks callbacks;
  std::uint64_t delivered_count = 0;
  std::uint64_t failed_count = 0;
  RdClient client;  // last: its callbacks count above
};

Producer::Producer() : parts_(std::make_unique<Parts>()) {
  parts_->callbacks.delivery = [parts = parts_.get()](bool delivered) {
    ++(delivered ? parts->delivered_count : parts->failed_count);
  };
}

Producer::~Producer() = default;

Result<std::unique_ptr<Producer>> Producer::create(const std::string& brokers) {
  std::unique_ptr<Producer> producer(new Producer);
  const std::array properties{Property{"bootstrap.servers", brokers},
                              Property{"client.id", "penstock-producer"},
                              Property{"queue.buffering.max.messages", std::to_string(k_queued_max)},
                              Property{"linger.ms", "5"}, Property{"acks", "all"}};
  Result<RdClient> client = make_client(ClientKind::producer, properties, producer->parts_->callbacks);
  if (!client) {
    return client.error();
  }
  producer->parts_->client = std::move(*client);
  return producer;
}

Result<Producer::Offer> Producer::offer(const std::string& topic, Partition partition, std::string_view key,
                                        std::string_view value, std::int64_t timestamp_ms) {
  const rd_kafka_resp_err_t code = rd_kafka_producev(
      parts_->client.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition.value),
      RD_KAFKA_V_KEY(key.data(), key.size()),
      RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),  // copied: it is not written to
      RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Offer::queued;
  }
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    return Offer::full;
  }
  return kafka_error(code, concat("producing to topic ", topic, ", partition ", partition.value));
}

void Producer::serve(std::chrono::milliseconds wait) {
  rd_kafka_poll(parts_->client.get(), static_cast<int>(wait.count()));
}

bool Producer::flush(std::chrono::milliseconds wait) {
  return rd_kafka_flush(parts_->client.get(), static_cast<int>(wait.count())) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

std::uint64_t Producer::delivered_count() const {
  return parts_->delivered_count;
}

std::uint64_t Producer::failed_count() const {
  return parts_->failed_count;
}

}  // namespace penstock::rdkafka
