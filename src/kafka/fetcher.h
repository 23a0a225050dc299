// Reads the partitions of one assignment from their leaders, over connections of our own, and hands the
// records over from the buffers that they were received into.
//
//   poll ─► front, taken, front, ... ─► ask each empty lane ─► (a response wakes the loop) ─► poll
//
// Back-pressure is not to ask: a lane whose response has not been taken whole sends nothing. Positions are
// ours, so nothing is ever paused, and nothing is fetched twice but what a rewind asks for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/record_view.h"
#include "io/loop.h"
#include "kafka/fetch_lane.h"
#include "kafka/fetch_order.h"
#include "kafka/leaders.h"
#include "kafka/wake_timer.h"
#include "source/source.h"
#include "wire/cluster_client.h"

namespace penstock::kafka {

struct FetcherOptions {
  wire::BrokerAccess access;
  Duration wait = std::chrono::milliseconds(500);  // how long a broker may wait for enough to send
  std::size_t batch_bytes_max = std::size_t{16} << 20;
  std::uint32_t lanes_per_broker = 1;
  RecordHeaders headers = RecordHeaders::skipped;
};

// They run from poll(), from front(), or from a callback of the loop.
struct FetcherEvents {
  // The partition stops, until the next begin().
  std::function<void(PartitionSlot, Error)> failed;

  // The position is not in the log. Told once; fetch_from(), hold() or fail() answers.
  std::function<void(PartitionSlot, Position)> position_lost;

  // Passes by itself; often.
  std::function<void(Error)> trouble;
};

class Fetcher {
 public:
  // All outlive it.
  Fetcher(io::Loop& loop, const Clock& clock, wire::ClusterClient& cluster, FetcherOptions options,
          FetcherEvents events);

  // A new assignment, all of it held. end() before the next.
  void begin(std::span<const TopicPartition> partitions);
  void end();

  void fetch_from(PartitionSlot slot, Position position);
  void hold(PartitionSlot slot);
  void fail(PartitionSlot slot);  // until the next begin()

  // Once per turn: looks after the leaders. Asks for no records.
  void poll();

  // As Source::front() and Source::taken(). The first front() after a poll() begins at the next lane, so that
  // lanes take turns, and asks all lanes that are empty.
  const source::RecordSpan* front();
  void taken(std::size_t count);

  std::size_t size() const { return readings_.size(); }
  const TopicPartition& id(PartitionSlot slot) const { return (*ids_)[slot.value]; }
  bool failed(PartitionSlot slot) const { return readings_[slot.value].failed; }
  // Position_lost was told, and neither fetch_from() nor hold() came since.
  bool waits_for_position(PartitionSlot slot) const { return readings_[slot.value].waits_for_position; }
  Position position(PartitionSlot slot) const { return readings_[slot.value].position; }
  Position log_end(PartitionSlot slot) const { return readings_[slot.value].log_end; }
  std::uint64_t throttled_ms() const { return throttled_ms_; }

  // For other questions to who leads a partition. None: it is not known. Queued behind a Fetch that is under
  // way. The connection may be gone when the loop has run.
  struct Route {
    wire::BrokerConnection* connection = nullptr;
    std::int32_t leader_epoch = 0;
  };
  std::optional<Route> route_to_leader(PartitionSlot slot);
  Leaders& leaders() { return leaders_; }

 private:
  struct LaneKey {
    std::int32_t broker = -1;
    std::uint32_t which = 0;  // of the broker's lanes

    friend bool operator==(const LaneKey&, const LaneKey&) = default;
  };

  // One connection to one broker, and what is to be asked over it next.
  struct Lane {
    Lane(LaneKey its_key, io::Loop& loop, const Clock& clock, const FetchLane::Options& options,
         FetchLane::Answered answered)
        : key(its_key), io(loop, clock, options, std::move(answered)) {}

    const LaneKey key;
    FetchLane io;
    FetchOrder order;       // the partitions that are fetched from this broker
    MonoTime not_before{};  // the broker throttles, or failed a moment ago
    std::uint32_t failures = 0;
    bool more_waits = false;  // the last response was full: so the next need not wait

    // So many Fetches are for one partition each: to see whose batch is too large.
    std::size_t single_asks_left = 0;

    // What the last Fetch asked for, in its order: the response has the same order, as a rule.
    std::vector<PartitionSlot> asked_slots;
    std::size_t answers_seen = 0;

    // The partition of the response that is being handed over.
    struct HandingOver {
      PartitionSlot slot;
      Position before;        // its position when the response was opened
      std::size_t bytes = 0;  // of its records, compressed as they may be
      bool open = false;
      bool has_span = false;  // `views` and `next` are of it, and are not taken whole
    } current;

    // What the cursor gave last: perhaps no views, for a hole.
    std::vector<RecordView> views;
    std::size_t views_taken = 0;
    Position next;
  };

  // How far the reading of one partition has come.
  struct Reading {
    Position position{-1};
    Position log_end{-1};
    bool held = true;
    bool failed = false;
    bool waits_for_position = false;  // position_lost was told
    std::uint32_t generation = 0;     // of its position: a response to an older question is dropped
    std::uint32_t asked_generation = 0;
    Lane* lane = nullptr;  // set if and only if its leader is known
    MonoTime not_before{};
    std::size_t bytes_needed = 0;  // a batch that was cut wants so many
    Position refetched{-1};        // a corrupt batch was fetched again here

    bool wanted() const { return !held && !failed && !waits_for_position; }
  };

  // fetcher.cc: asking
  void ask(Lane& lane);
  void choose_partitions(Lane& lane);
  std::size_t share_bytes(const Lane& lane);
  std::size_t bytes_max_of(const Reading& partition, std::size_t partitions) const;
  void on_leader_moved(PartitionSlot slot, const wire::BrokerAddress& broker);
  void displace(PartitionSlot slot);
  Lane* find_lane(const LaneKey& key);
  Lane& lane_of(const wire::BrokerAddress& broker, std::uint32_t which);
  void drop_lane(Lane& lane);
  void on_answer(Lane& lane, const std::optional<Error>& error);
  void on_too_large(Lane& lane);

  // fetcher_records.cc: handing over
  bool find_span(Lane& lane);
  void enter_partition(Lane& lane);
  void read_on(Lane& lane);
  void end_of_partition(Lane& lane);
  void end_of_response(Lane& lane);
  void on_partition_code(PartitionSlot slot, wire::ErrorCode code);
  void on_bad_batch(PartitionSlot slot, Error error);
  void stop(PartitionSlot slot, Error error);
  void stop_too_large(PartitionSlot slot, std::size_t bytes);
  bool stale(const Reading& partition, const Lane& lane) const;
  std::optional<PartitionSlot> slot_of(Lane& lane, const wire::FetchedPartition& fetched) const;

  io::Loop& loop_;
  const Clock& clock_;
  const FetcherOptions options_;
  const FetcherEvents events_;
  WakeTimer wake_;
  Leaders leaders_;

  std::vector<Reading> readings_;
  std::shared_ptr<const std::vector<TopicPartition>> ids_;  // of readings_, for requests that outlive them
  std::map<std::pair<std::string_view, std::int32_t>, PartitionSlot> by_name_;  // names live in ids_
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<wire::FetchPartition> request_;  // kept for its capacity

  bool turn_begins_ = false;
  std::size_t first_lane_ = 0;  // whose turn it is to be handed over first
  Lane* front_lane_ = nullptr;  // whose span front_ is
  source::RecordSpan front_;
  std::uint64_t throttled_ms_ = 0;
};

}  // namespace penstock::kafka
