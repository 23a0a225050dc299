// What is asked of the cluster as a whole: who leads which partition, and who keeps a group's offsets. Any
// broker answers. The ones that the configuration names are tried in turn, and after them those that the
// cluster itself has named.
//
// librdkafka knows the leaders too, but tells them only in calls that block. So we ask ourselves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/broker_connection.h"
#include "wire/error_code.h"
#include "wire/metadata.h"

namespace penstock::wire {

struct BrokerAddress {
  BrokerId id{-1};
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(const BrokerAddress&, const BrokerAddress&) = default;
};

struct PartitionLeader {
  BrokerAddress broker;
  std::int32_t epoch = k_no_leader_epoch;
};

struct ClusterView {
  // Without the partitions that the cluster does not know, and those that have no leader at the moment.
  std::unordered_map<TopicPartition, PartitionLeader> leaders;

  // Why a partition of a known topic is not among `leaders`: the broker's code, such as leader_not_available.
  std::unordered_map<TopicPartition, ErrorCode> partition_errors;

  // The topics that the broker gave an error code for, such as unknown_topic_or_partition.
  std::unordered_map<std::string, ErrorCode> topic_errors;

  // As 32 lower-case hex digits. A topic that is deleted and made anew has another. Empty where the broker
  // does not tell them.
  std::unordered_map<std::string, std::string> topic_ids;
};

class ClusterClient {
 public:
  // `brokers`: "host:port", at least one (CHECK). Error invalid_input: one is not of that form.
  static Result<std::unique_ptr<ClusterClient>> make(io::Loop& loop, const Clock& clock,
                                                     const std::vector<std::string>& brokers,
                                                     BrokerAccess access);

  // Each asks one broker, and `done` runs once, later, on the loop's thread. After a failure the next
  // question goes to the next broker. Whether to ask again is the caller's decision. The errors are those of
  // the connection, of a response that cannot be read, and for find_coordinator() the broker's own.
  void ask_leaders(std::vector<std::string> topics, std::function<void(Result<ClusterView>)> done);
  void find_coordinator(const std::string& group, std::function<void(Result<BrokerAddress>)> done);

 private:
  ClusterClient(io::Loop& loop, const Clock& clock, std::vector<BrokerAddress> brokers, BrokerAccess access);
  BrokerConnection& connection();
  void turn_to_next(const BrokerConnection* failed);
  void learn(const std::vector<Broker>& brokers);

  io::Loop& loop_;
  const Clock& clock_;
  // The configuration's.
  const std::vector<BrokerAddress> named_;
  // The cluster's, as it told them last, without those above.
  std::vector<BrokerAddress> learnt_;
  const BrokerAccess access_;
  // Counts through named_, then learnt_, then from the start.
  std::size_t next_ = 0;
  std::unique_ptr<BrokerConnection> connection_;
};

}  // namespace penstock::wire
