// A small stand-in for the pipeline: runs a source, of either kind, on its loop and remembers what it hands over.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "io/loop.h"
#include "kafka/direct_source.h"
#include "rdkafka/librdkafka_source.h"

namespace penstock::kafka {

struct ReadRecord {
  std::int64_t offset;
  std::int64_t timestamp_ms;
  std::string key;
  std::string value;
};

struct Reader {
  explicit Reader(rdkafka::LibrdkafkaSourceOptions options)
      : owned_source(std::make_unique<rdkafka::LibrdkafkaSource>(*loop, system_clock(), std::move(options))) {
  }
  explicit Reader(DirectSourceOptions options)
      : owned_source(std::make_unique<DirectSource>(*loop, system_clock(), std::move(options))) {}

  Result<void> start() {
    return source.start({
        .assigned =
            [this](std::span<const source::Assigned> list) {
              EXPECT_FALSE(holding) << "a second assignment while one is held";
              holding = true;
              ++assignment_count;
              assigned.assign(list.begin(), list.end());
              for (std::uint32_t slot = 0; slot < list.size(); ++slot) {
                source.fetch_from(PartitionSlot{slot}, list[slot].start);
              }
            },
        .revoked =
            [this](source::RevokeReason reason) {
              EXPECT_TRUE(holding);
              ++revoked_count;
              revoked_reason = reason;
              releasing = true;
            },
        .records = [this](const source::RecordSpan& span) { return take(span); },
        .partition_failed =
            [this](PartitionSlot slot, Error error) {
              partition_errors.emplace_back(assigned.at(slot.value).id, std::move(error));
            },
        .failed = [this](Error error) { errors.push_back(std::move(error)); },
    });
  }

  std::size_t take(const source::RecordSpan& span) {
    EXPECT_FALSE(releasing) << "records after revoked";
    EXPECT_EQ(room, source::Source::Room::some) << "records without room";
    const TopicPartition& id = assigned.at(span.slot.value).id;
    const std::size_t taken = std::min(span.records.size(), take_max);
    for (const RecordView& record : span.records.first(taken)) {
      records[id].push_back({.offset = record.offset.value,
                             .timestamp_ms = record.timestamp_ms,
                             .key = std::string(as_text(record.key)),
                             .value = std::string(as_text(record.value))});
      ++record_count;
    }
    if (taken == span.records.size()) {
      reached[id] = span.next;
      lost_count += span.lost ? 1 : 0;
    }
    return taken;
  }

  void step() {
    const bool more = source.poll(room, 1000);
    loop->run_once(more ? std::chrono::milliseconds(0) : std::chrono::milliseconds(5));
    if (releasing && release_allowed) {
      releasing = false;
      holding = false;
      source.release();
    }
  }

  void forget_records() {
    records.clear();
    reached.clear();
  }

  void end() { source.close(); }

  std::unique_ptr<io::Loop> loop =
      std::move(io::make_loop({.choice = io::Choice::portable}, system_clock())).value();
  std::unique_ptr<source::Source> owned_source;
  source::Source& source = *owned_source;
  source::Source::Room room = source::Source::Room::some;
  std::size_t take_max = SIZE_MAX;
  bool release_allowed = true;

  bool holding = false;
  bool releasing = false;
  int assignment_count = 0;
  int revoked_count = 0;
  source::RevokeReason revoked_reason = source::RevokeReason::rebalance;
  std::vector<source::Assigned> assigned;
  std::map<TopicPartition, std::vector<ReadRecord>> records;
  std::map<TopicPartition, Position> reached;
  std::size_t record_count = 0;
  int lost_count = 0;  // gaps that were told
  std::vector<std::pair<TopicPartition, Error>> partition_errors;
  std::vector<Error> errors;
};

// Steps all readers until `done` or far too long. The bound only ends a test that has failed.
inline bool run_until(std::initializer_list<Reader*> readers, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(40);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    for (Reader* reader : readers) {
      reader->step();
    }
  }
  return true;
}

inline bool has_error(const Reader& reader, Action action, const std::string& text) {
  return std::any_of(reader.errors.begin(), reader.errors.end(), [&](const Error& error) {
    return error.action == action && error.message.find(text) != std::string::npos;
  });
}

inline std::string all_errors(const Reader& reader) {
  std::string all;
  for (const Error& error : reader.errors) {
    all += std::string(to_string(error.action)) + ": " + error.message + "\n";
  }
  return all;
}

}  // namespace penstock::kafka
