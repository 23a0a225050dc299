#include "rdkafka/landing_probe.h"

#include <chrono>
#include <utility>
#include <vector>

#include "rdkafka/asking_client.h"

namespace penstock::rdkafka {

Result<std::map<TopicPartition, LandingFacts>> ask_for_landing(const source::ConsumerOptions& options,
                                                               std::span<const TopicPartition> partitions,
                                                               WallTime time, Millis timeout) {
  const Result<AskingClient> client =
      AskingClient::make(options, EndOfPartition::silent, Transactions::open_ones_too);
  if (!client) {
    return client.error();
  }
  const auto committed = committed_positions(client->get(), partitions, timeout);
  if (!committed) {
    return committed.error();
  }
  const auto logs = log_bounds(client->get(), partitions, timeout);
  if (!logs) {
    return logs.error();
  }
  const auto time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const auto first = positions_at(client->get(), partitions, time_ms, timeout);
  if (!first) {
    return first.error();
  }
  std::map<TopicPartition, LandingFacts> facts;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    facts.emplace(partitions[i],
                  LandingFacts{.committed = (*committed)[i], .log = (*logs)[i], .first_since = (*first)[i]});
  }
  return facts;
}

}  // namespace penstock::rdkafka
