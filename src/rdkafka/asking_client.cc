#include "rdkafka/asking_client.h"

#include <string>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "rdkafka/token_feed.h"

namespace penstock::rdkafka {

Result<AskingClient> AskingClient::make(const source::ConsumerOptions& options, EndOfPartition end,
                                        Transactions transactions) {
  auto properties = client_properties(options, end, rd_kafka_version());
  if (!properties) {
    return properties.error();
  }
  if (transactions == Transactions::open_ones_too) {  // the last of two values counts
    properties->push_back({.name = "isolation.level", .value = "read_uncommitted"});
  }
  AskingClient made;
  made.callbacks_ = std::make_unique<ClientCallbacks>();
  made.callbacks_->log = options.log;
  made.callbacks_->error = [](int, const std::string&) {};
  made.callbacks_->rebalance = [](int, const rd_kafka_topic_partition_list_s*) {};
  made.callbacks_->tokens = token_feed(options.auth);
  Result<RdClient> client = make_client(ClientKind::consumer, *properties, *made.callbacks_);
  if (!client) {
    return std::move(client).error();
  }
  made.client_ = std::move(client).value();
  return made;
}

}  // namespace penstock::rdkafka
