// Asks the cluster where partitions start, on a thread of its own: librdkafka only answers by blocking, and a
// worker must never block.
//
// One resolver asks one question and repeats it until it is answered or given up: an error is reported and
// retried, never read as "no entry". It is the only thread of ours beside the workers'; it lives for a few
// round trips after a rebalance.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "rdkafka/offset_query.h"
#include "source/start_position.h"

namespace penstock::rdkafka {

// One request may take this long: closing a source may have to wait for one.
inline constexpr Millis k_resolve_timeout{5000};
inline constexpr Millis k_resolve_pause{1000};

struct ResolveRequest {
  std::vector<TopicPartition> partitions;
  // Positions already known, one a partition: the group is not asked. Empty: it is.
  std::vector<Position> wanted;
  source::StartPoint start;
};

class PositionResolver {
 public:
  // Starts. `client` outlives the resolver. `news` runs on the resolver's thread when there is something to
  // take(): it only wakes the worker.
  PositionResolver(rd_kafka_s* client, ResolveRequest request, std::function<void()> news);

  // Gives up and joins: blocks for at most k_resolve_timeout.
  ~PositionResolver();

  // From any thread. Nothing comes after it; finished() turns true soon.
  void cancel();
  bool finished() const;  // the thread has nothing left to do: the destructor will not block

  struct News {
    std::optional<Error> error;  // the latest failed try since the last take(); it goes on
    std::optional<std::vector<source::StartFacts>> facts;  // the answer, one a partition, once
    std::vector<TopicPartition> existing;  // with the facts of `latest`: all partitions of the topics
  };
  News take();

  const ResolveRequest& request() const { return request_; }

 private:
  void run();
  Result<std::vector<source::StartFacts>> ask();
  Result<void> look_for_newcomers(std::vector<source::StartFacts>& facts);
  bool canceled() const;
  bool pause();  // returns whether to go on

  rd_kafka_s* const client_;
  const ResolveRequest request_;
  const std::function<void()> news_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  News pending_;
  bool canceled_ = false;
  bool finished_ = false;

  std::vector<TopicPartition> existing_;  // the thread's own
  std::thread thread_;                    // last: it uses all of the above
};

}  // namespace penstock::rdkafka
