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
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/clock.h"
#include "base/record_view.h"
#include "io/loop.h"
#include "kafka/epoch_history.h"
#include "kafka/fetch_lane.h"
#include "kafka/fetch_order.h"
#include "kafka/leaders.h"
#include "kafka/log_identity.h"
#include "kafka/wake_timer.h"
#include "source/source.h"
#include "wire/cluster_client.h"
#include "wire/fetch.h"
#include "wire/offset_for_leader_epoch.h"

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

  // The log is another than the one that was read, and the position means nothing there. As above.
  std::function<void(PartitionSlot, Position)> anew;

  // The log was cut below the position (KIP-320), here. As above.
  std::function<void(PartitionSlot, Position, Position cut_at)> cut;

  // Something suggests that the log is another one, and no record tells. As above.
  std::function<void(PartitionSlot, const LogEvidence&)> doubtful;

  // Nothing can be read of the partition for the time being; it is tried on. Often. Then goes_on, once.
  std::function<void(PartitionSlot, Error)> waits;
  std::function<void(PartitionSlot)> goes_on;

  // The cluster has answered for the first time in this assignment.
  std::function<void()> answered;

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

  // What is read there is compared with the history of the log, where a leader epoch of the records before
  // the position is known: from set_start_epoch(), or from having read them.
  void fetch_from(PartitionSlot slot, Position position);
  void set_start_epoch(PartitionSlot slot, std::int32_t epoch) { readings_[slot.value].epochs.begin(epoch); }
  // Reading goes on behind records that were not read: those from this position on.
  void skip(PartitionSlot slot, Position from) { readings_[slot.value].epochs.skip(from); }

  // Of the record before the position. -1: not known.
  std::int32_t epoch_before(PartitionSlot slot, Position position) const {
    return readings_[slot.value].epochs.before(position);
  }

  // The answers to `doubtful`, and to `anew` and `cut`, before fetch_from(): the log is the one that was
  // read; it is another one, or has another history.
  void believe_log(PartitionSlot slot);
  void forget_log(PartitionSlot slot);
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
  // PartitionState::log_end_at.
  std::optional<MonoTime> log_end_at(PartitionSlot slot) const { return readings_[slot.value].log_end_at; }
  std::uint64_t throttled_ms() const { return throttled_ms_; }
  // As in source::SourceCounters.
  std::optional<MonoTime> last_answer() const { return last_answer_; }
  std::optional<MonoTime> overdue_since() const;

  // For other questions to who leads a partition. None: it is not known. Queued behind a Fetch that is under
  // way. The connection may be gone when the loop has run.
  struct Route {
    wire::BrokerConnection* connection = nullptr;
    std::int32_t leader_epoch = 0;
  };
  std::optional<Route> route_to_leader(PartitionSlot slot);
  // The leader has answered such a question, or has not. After ten seconds of the latter the partition waits.
  void leader_told(PartitionSlot slot, const std::optional<Error>& error);
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
    MonoTime asked_at{};    // the last Fetch
    MonoTime due{};         // of the Fetch that is under way
    FetchOrder order;       // the partitions that are fetched from this broker
    MonoTime not_before{};  // the broker throttles, or failed a moment ago
    std::uint32_t failures = 0;
    bool more_waits = false;  // the last response was full: so the next need not wait

    // So many Fetches are for one partition each: to see whose batch is too large.
    std::size_t single_asks_left = 0;

    // What the last Fetch asked for, in its order: the response has the same order, as a rule.
    std::vector<PartitionSlot> asked_slots;
    std::size_t answers_seen = 0;

    bool answers_epochs = true;  // as far as is known: the broker has OffsetForLeaderEpoch

    // The partition of the response that is being handed over.
    struct HandingOver {
      PartitionSlot slot;
      Position before;        // its position when the response was opened
      std::size_t bytes = 0;  // of its records, compressed as they may be
      bool open = false;
      bool has_span = false;  // `views` and `next` are of it, and are not taken whole
      bool proving = false;   // its first record is to be the one that was handed over last
    } current;

    // What the cursor gave last: perhaps no views, for a hole.
    std::vector<RecordView> views;
    std::size_t views_taken = 0;
    Position next;
    std::int32_t epoch = -1;  // of the batch that they are from
  };

  // How far the reading of one partition has come.
  struct Reading {
    Position position{-1};
    Position log_end{-1};
    std::optional<MonoTime> log_end_at;  // when was asked, the last time that no transaction was open
    bool held = true;
    bool failed = false;
    bool waits_for_position = false;  // position_lost was told
    std::uint32_t generation = 0;     // of its position: a response to an older question is dropped
    std::uint32_t asked_generation = 0;
    Lane* lane = nullptr;  // set if and only if its leader is known
    MonoTime not_before{};
    std::size_t bytes_needed = 0;  // a batch that was cut wants so many
    Position refetched{-1};        // a corrupt batch was fetched again here

    bool waiting = false;                         // `waits` was told
    std::optional<MonoTime> leader_silent_since;  // by leader_told()

    // The log's identity. The mark is kept where topics are asked for by name.
    wire::TopicId topic_id = wire::k_no_topic_id;
    std::optional<RecordMark> mark;  // handed over last
    bool doubted = false;            // it may be another log
    bool proving = false;            // the mark is asked for, before anything else
    LogEvidence evidence;            // `now` is not used
    Position watermark_seen{-1};     // the highest
    MonoTime heard_at{};

    // The log's history.
    EpochHistory epochs;
    std::int32_t compared_epoch = -1;  // the leader epoch under which the position was found in the history
    bool comparing = false;

    bool wanted() const { return !held && !failed && !waits_for_position; }
  };

  // Asked of a leader about one partition's history.
  struct EpochQuestion {
    PartitionSlot slot;
    std::uint32_t generation = 0;
    std::int32_t leader_epoch = -1;
    std::int32_t epoch = -1;
  };

  // fetcher.cc: asking
  void wait(PartitionSlot slot, Error error);
  void go_on(PartitionSlot slot);
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

  // fetcher_history.cc: is it the same log, and is the position in its history?
  void doubt(PartitionSlot slot, Sign sign);
  void settle_doubt(PartitionSlot slot);
  void prove_all(const Lane& lane);
  void see_bounds(PartitionSlot slot, const Lane& lane, const wire::FetchedPartition& fetched);
  bool on_proof(Lane& lane);
  void without_proof(PartitionSlot slot);
  void on_anew(PartitionSlot slot);
  bool is_compared(PartitionSlot slot) const;
  void compare(Lane& lane);
  void on_epoch_ends(const LaneKey& key, const std::vector<EpochQuestion>& asked, const wire::Reply& reply);
  void on_epoch_end(const EpochQuestion& asked, const wire::EpochEnd& end);

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
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<wire::FetchPartition> request_;  // kept for its capacity
  std::vector<EpochQuestion> questions_;       // likewise
  std::uint64_t epoch_ = 0;                    // counts assignments

  bool turn_begins_ = false;
  std::size_t first_lane_ = 0;  // whose turn it is to be handed over first
  Lane* front_lane_ = nullptr;  // whose span front_ is
  source::RecordSpan front_;
  std::uint64_t throttled_ms_ = 0;
  std::optional<MonoTime> last_answer_;
  Alive alive_;
};

}  // namespace penstock::kafka
