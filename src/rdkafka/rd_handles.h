// librdkafka's objects as owners, and a client made from a list of properties. Internal to this module: its
// types are only declared here, so that no other file of ours sees the library's header.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "rdkafka/client_properties.h"
#include "rdkafka/token_feed.h"
#include "source/consumer_options.h"

struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_queue_s;
struct rd_kafka_topic_partition_list_s;

namespace penstock::rdkafka {

struct RdDeleter {
  void operator()(rd_kafka_conf_s* conf) const;
  void operator()(rd_kafka_queue_s* queue) const;
  void operator()(rd_kafka_topic_partition_list_s* list) const;
};

struct RdClientDeleter {
  // Ends the library's threads without leaving the group: closing a consumer is its owner's business, because
  // it may block.
  void operator()(rd_kafka_s* client) const;

  std::shared_ptr<TokenFeed> tokens{};  // ends first. Null: the login is by something else
};

using RdClient = std::unique_ptr<rd_kafka_s, RdClientDeleter>;
using RdConf = std::unique_ptr<rd_kafka_conf_s, RdDeleter>;
using RdQueue = std::unique_ptr<rd_kafka_queue_s, RdDeleter>;
using RdList = std::unique_ptr<rd_kafka_topic_partition_list_s, RdDeleter>;

// What a client calls. `log`, `tokens` and `certificate` run in threads of the library, the others inside the
// polls of its owner, on the owner's thread.
struct ClientCallbacks {
  source::LogHandler log;
  std::function<void(int code, const std::string& reason)> error;
  // Code: _ASSIGN_PARTITIONS, _REVOKE_PARTITIONS, or an error.
  std::function<void(int code, const rd_kafka_topic_partition_list_s* partitions)> rebalance;
  std::function<void(bool delivered)> delivery;  // producers
  // At the beginning and before the token expires, and after the error _AUTHENTICATION. Not inside polls, so
  // that a client gets its token also while its owner waits in a blocking question.
  std::shared_ptr<TokenFeed> tokens;
  // A broker's certificate was refused: see CertificateWatch::refused(). The code _SSL follows by `error`.
  std::function<void(const std::string& broker, long verify_result, Bytes certificate)> certificate;
};

// Sets the properties one by one. Error: a property that the library does not know or a value it does not
// take, in its own sentence; for a secret in ours, without the value.
Result<RdConf> make_conf(std::span<const Property> properties);

enum class ClientKind : std::uint8_t { consumer, producer };

// `callbacks` outlives the client. What is not set stays off. A consumer's own events go to the queue that
// rd_kafka_consumer_poll() serves.
Result<RdClient> make_client(ClientKind kind, std::span<const Property> properties,
                             const ClientCallbacks& callbacks);

// A list with these partitions; every offset is "invalid" until set.
RdList make_list(std::span<const TopicPartition> partitions);
std::vector<TopicPartition> partitions_of(const rd_kafka_topic_partition_list_s* list);

}  // namespace penstock::rdkafka
