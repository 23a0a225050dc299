// A small stand-in for the pipeline: runs a source, of whichever kind, on its loop and remembers what it
// hands over.
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
#include "source/source.h"

namespace penstock::source {

struct ReadRecord {
  std::int64_t offset;
  std::int64_t timestamp_ms;
  std::string key;
  std::string value;
};

struct Reader {
  // `make` gives the source, on the loop that it is called with.
  template <class Make>
  explicit Reader(const Make& make) : owned_source(make(*loop)) {}

  Result<void> start() {
    return source.start({
        .assigned =
            [this](std::span<const Assigned> list) {
              EXPECT_FALSE(holding) << "a second assignment while one is held";
              holding = true;
              ++assignment_count;
              assigned.assign(list.begin(), list.end());
              for (std::uint32_t slot = 0; slot < list.size(); ++slot) {
                if (list[slot].start_known) {
                  source.fetch_from(PartitionSlot{slot}, list[slot].start);
                }
              }
            },
        .revoked =
            [this](RevokeReason reason) {
              EXPECT_TRUE(holding);
              ++revoked_count;
              revoked_reason = reason;
              releasing = true;
            },
        .start_found =
            [this](PartitionSlot slot, Position start) {
              starts_found.emplace_back(assigned.at(slot.value).id, start);
              source.fetch_from(slot, start);
            },
        .moved =
            [this](PartitionSlot slot, Position start, const std::string&) {
              moves.emplace_back(assigned.at(slot.value).id, start);
              source.fetch_from(slot, start);
            },
        .partition_waits =
            [this](PartitionSlot slot, Error error) {
              partition_waits.emplace_back(assigned.at(slot.value).id, std::move(error));
            },
        .partition_goes_on =
            [this](PartitionSlot slot) { partitions_went_on.push_back(assigned.at(slot.value).id); },
        .partition_failed =
            [this](PartitionSlot slot, Error error) {
              partition_errors.emplace_back(assigned.at(slot.value).id, std::move(error));
            },
        .failed = [this](Error error) { errors.push_back(std::move(error)); },
    });
  }

  void take(const RecordSpan& span) {
    EXPECT_FALSE(releasing) << "records after revoked";
    const TopicPartition& id = assigned.at(span.slot.value).id;
    const std::size_t taken = std::min(span.records.size(), take_max);
    for (const RecordView& record : span.records.first(taken)) {
      records[id].push_back({.offset = record.offset.value,
                             .timestamp_ms = record.timestamp_ms,
                             .key = std::string(as_text(record.key)),
                             .value = std::string(as_text(record.value))});
      ++record_count;
    }
    const bool whole = taken == span.records.size();
    if (whole) {
      reached[id] = span.next;
      lost_count += span.lost ? 1 : 0;
    }
    source.taken(taken);
    starved = !whole;
  }

  // As a worker's turn: some spans while there is room, then sleep unless more waits.
  void step() {
    source.poll();
    starved = false;
    bool more = false;
    for (int spans = 0; has_room && !starved; ++spans) {
      const RecordSpan* span = source.front();
      more = span != nullptr;
      if (!more || spans == 10) {
        break;
      }
      take(*span);
    }
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
  std::unique_ptr<Source> owned_source;
  Source& source = *owned_source;
  bool has_room = true;
  std::size_t take_max = SIZE_MAX;  // of a span; fewer than all means that there is no room for the rest
  bool release_allowed = true;

  bool starved = false;
  bool holding = false;
  bool releasing = false;
  int assignment_count = 0;
  int revoked_count = 0;
  RevokeReason revoked_reason = RevokeReason::rebalance;
  std::vector<Assigned> assigned;
  std::map<TopicPartition, std::vector<ReadRecord>> records;
  std::map<TopicPartition, Position> reached;
  std::size_t record_count = 0;
  int lost_count = 0;  // gaps that were told
  std::vector<std::pair<TopicPartition, Position>> starts_found;
  std::vector<std::pair<TopicPartition, Error>> partition_waits;
  std::vector<TopicPartition> partitions_went_on;
  std::vector<std::pair<TopicPartition, Error>> partition_errors;
  std::vector<std::pair<TopicPartition, Position>> moves;
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

}  // namespace penstock::source
