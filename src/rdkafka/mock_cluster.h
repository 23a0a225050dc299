// A Kafka cluster inside this process, and a producer into any cluster: for `penstock demo` and for tests.
//
// librdkafka's mock brokers listen on 127.0.0.1. What they are not: they keep 5 MiB a partition and drop the
// oldest beyond it (a demo must not outrun its consumer), a group's first join takes 3 s, commits are refused
// while a group rebalances, a fetch that finds nothing waits its whole time, and there are no transactions,
// no compaction and no lookup of offsets by time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock::rdkafka {

class MockCluster {
 public:
  static Result<std::unique_ptr<MockCluster>> start(int broker_count);
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;
  ~MockCluster();  // stops the brokers

  std::string brokers() const;  // "127.0.0.1:port,..."
  Result<void> create_topic(const std::string& name, int partition_count);

  // Fault injection. Down: connections are closed and refused.
  enum class Brokers : std::uint8_t { up, down };
  void set_brokers(Brokers state);
  // Metadata of this topic says `code`.
  void fail_topic(const std::string& name, int code);
  // Who leads a partition from now on: the number of a broker, from 1, or nobody.
  static constexpr int k_nobody = -1;
  void lead(const TopicPartition& id, int broker);
  // The next requests of this kind (Kafka's API key) fail with these codes, one each.
  void fail_next(std::int16_t api_key, std::span<const int> codes);

 private:
  MockCluster();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// One thread owns a producer.
class Producer {
 public:
  static Result<std::unique_ptr<Producer>> create(const std::string& brokers);
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  ~Producer();

  // The queue holds at most k_queued_max records; full: serve() and offer again.
  enum class Offer : std::uint8_t { queued, full };
  static constexpr int k_queued_max = 10'000;

  // Copies the record. timestamp_ms 0: now. Error: this record can never be sent.
  Result<Offer> offer(const std::string& topic, Partition partition, std::string_view key,
                      std::string_view value, std::int64_t timestamp_ms = 0);

  void serve(std::chrono::milliseconds wait);  // takes delivery reports
  bool flush(std::chrono::milliseconds wait);  // whether all that was queued has an outcome
  std::uint64_t delivered_count() const;       // acknowledged by the cluster
  std::uint64_t failed_count() const;          // given up

 private:
  Producer();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace penstock::rdkafka
