// Reads the partitions of one assignment from their leaders, over connections of our own, and hands the records
// over from the buffers that they were received into.
//
//   poll ─► hand over what has arrived ─► ask each idle lane for more ─► (a response arrives, the loop wakes) ─► poll
//
// Back-pressure is not to ask: a lane whose response has not been taken whole sends nothing. Positions are ours, so
// nothing is ever paused, and nothing is fetched twice but what a rewind asks for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/record_view.h"
#include "io/loop.h"
#include "kafka/fetch_lane.h"
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

struct FetcherEvents {
  std::function<std::size_t(const source::RecordSpan&)> records;  // as SourceHandlers::records
  std::function<void(PartitionSlot, Error)> failed;               // the partition stops
  std::function<void(PartitionSlot, Position)>
      position_lost;                   // not in the log: fetch_from() or fail() answers
  std::function<void(Error)> trouble;  // passes by itself; often
};

class Fetcher {
 public:
  // All outlive it.
  Fetcher(io::Loop& loop, const Clock& clock, wire::ClusterClient& cluster, FetcherOptions options,
          FetcherEvents events);
  ~Fetcher();

  // A new assignment, all of it held. end() before the next.
  void begin(std::span<const TopicPartition> partitions);
  void end();

  void fetch_from(PartitionSlot slot, Position position);
  void hold(PartitionSlot slot);
  void fail(PartitionSlot slot);  // until the next begin()

  // Hands over what has arrived, at most about `records_max`, then asks for more. Returns whether more waits.
  bool poll(std::size_t records_max);

  // For each slot, as its leader says: the log's start or end (wire::k_timestamp_start, _end; that of committed
  // records), or the first position at a time, none if there is none. Asks once; an Error may pass.
  using Positions = std::vector<std::optional<Position>>;
  void list_offsets(std::vector<PartitionSlot> slots, std::int64_t timestamp_ms,
                    std::function<void(Result<Positions>)> done);

  std::size_t size() const { return slots_.size(); }
  bool failed(PartitionSlot slot) const { return slots_[slot.value].failed; }
  // Position_lost was told, and neither fetch_from() nor hold() came since.
  bool waits_for_position(PartitionSlot slot) const { return slots_[slot.value].waits_for_position; }
  Position position(PartitionSlot slot) const { return slots_[slot.value].position; }
  Position log_end(PartitionSlot slot) const { return slots_[slot.value].log_end; }
  std::uint64_t throttled_ms() const { return throttled_ms_; }

 private:
  using LaneKey = std::pair<std::int32_t, std::uint32_t>;  // broker, which of its lanes

  struct Slot {
    TopicPartition id;
    Position position{-1};
    Position log_end{-1};
    bool held = true;
    bool failed = false;
    bool waits_for_position = false;  // position_lost was told
    std::uint32_t generation = 0;     // of its position: a response to an older question is dropped
    std::uint32_t asked_generation = 0;
    std::optional<wire::PartitionLeader> leader;
    FetchLane* lane = nullptr;
    MonoTime not_before{};
    std::size_t bytes_needed = 0;       // a batch that was cut wants so many
    Position refetched{-1};             // a corrupt batch was fetched again here
    std::uint32_t unknown_answers = 0;  // in a row, to who leads it
    std::uint32_t older_answers = 0;    // in a row, that name a leader of an earlier epoch

    bool wanted() const { return !held && !failed && !waits_for_position; }
  };

  struct OffsetQuery;

  // fetcher.cc: asking
  void ask(FetchLane& lane);
  std::size_t bytes_max_of(const Slot& slot, std::size_t partitions) const;
  void need_leaders(MonoTime not_before);
  void ask_leaders();
  void on_leaders(const Result<wire::ClusterView>& view);
  bool believed(Slot& slot, const wire::PartitionLeader& leader) const;
  void place(PartitionSlot slot, const wire::PartitionLeader& leader);
  void displace(PartitionSlot slot);
  FetchLane& lane_of(const wire::BrokerAddress& broker, std::uint32_t which);
  void on_answer(FetchLane& lane, const std::optional<Error>& error);
  void on_too_large(FetchLane& lane);
  void wake_at(MonoTime when);

  // fetcher_records.cc: handing over
  bool hand_over(FetchLane& lane, std::size_t records_max, std::size_t& count);
  void enter_partition(FetchLane& lane);
  void read_on(FetchLane& lane);
  bool offer(FetchLane& lane, std::size_t& count);
  void end_of_partition(FetchLane& lane);
  void end_of_response(FetchLane& lane);
  void on_partition_code(PartitionSlot index, wire::ErrorCode code);
  void on_bad_batch(PartitionSlot index, Error error);
  void stop(PartitionSlot index, Error error);
  void stop_too_large(PartitionSlot index, std::size_t bytes);
  bool stale(const Slot& slot, const FetchLane& lane) const;
  std::optional<PartitionSlot> slot_of(FetchLane& lane, const wire::FetchedPartition& fetched) const;

  // fetcher_offsets.cc
  void send_offset_query(FetchLane& lane, const std::shared_ptr<OffsetQuery>& query,
                         const std::vector<std::size_t>& which);

  io::Loop& loop_;
  const Clock& clock_;
  wire::ClusterClient& cluster_;
  const FetcherOptions options_;
  const FetcherEvents events_;

  std::vector<Slot> slots_;
  std::shared_ptr<const std::vector<TopicPartition>> ids_;  // of slots_, for requests that outlive them
  std::map<std::pair<std::string_view, std::int32_t>, PartitionSlot> by_name_;  // names live in slots_
  std::map<LaneKey, std::unique_ptr<FetchLane>> lanes_;
  std::uint32_t next_lane_ = 0;                // whose turn it is to be handed over first
  std::vector<wire::FetchPartition> request_;  // kept for its capacity

  bool leaders_asked_ = false;
  std::optional<MonoTime> leaders_due_;
  std::uint32_t leaders_failures_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint64_t throttled_ms_ = 0;
  io::TimerId wake_timer_ = io::TimerId::none;
  MonoTime wake_at_{};
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace penstock::kafka
