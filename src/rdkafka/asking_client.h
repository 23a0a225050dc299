// A client of librdkafka that asks a few questions and goes again: what the probes of commands use.
// Internal to this module.
#pragma once

#include <memory>

#include <penstock/result.h>

#include "rdkafka/client_properties.h"
#include "rdkafka/offset_query.h"
#include "rdkafka/rd_handles.h"
#include "source/consumer_options.h"

namespace penstock::rdkafka {

class AskingClient {
 public:
  // Joins nothing. It logs where the options say, fetches tokens, and is silent otherwise: the questions
  // bring the errors. Error: a property that the library does not take.
  static Result<AskingClient> make(const source::ConsumerOptions& options, EndOfPartition end,
                                   Transactions transactions = Transactions::committed);

  rd_kafka_s* get() const { return client_.get(); }

 private:
  AskingClient() = default;

  std::unique_ptr<ClientCallbacks> callbacks_;  // the client holds their address
  RdClient client_;
};

}  // namespace penstock::rdkafka
