// One connection that fetches, to one broker: a Fetch at a time, and its response, handed out piece by piece from
// the buffer it was received into. Policy (what to fetch, what an error means) is the Fetcher's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/record_view.h"
#include "codec/decompressor.h"
#include "io/loop.h"
#include "kafka/fetch_order.h"
#include "wire/broker_connection.h"
#include "wire/cluster_client.h"
#include "wire/fetch.h"
#include "wire/records_cursor.h"

namespace penstock::kafka {

// What one Fetch brings at most, unless a single batch is larger. It stays in the cache: larger ones cost more
// processor time a byte (page faults, cold memory), smaller ones more system calls.
inline constexpr std::size_t k_lane_fetch_bytes = std::size_t{1} << 20;

// Beside the records: the response's header, and some 60 bytes a partition with its topic's name.
inline constexpr std::size_t k_lane_buffer_bytes = k_lane_fetch_bytes + (std::size_t{128} << 10);

class FetchLane {
 public:
  struct Options {
    wire::BrokerConnection::Options connection;
    std::size_t batch_bytes_max = 0;  // source.max_batch_bytes: of one batch, decompressed
    RecordHeaders headers = RecordHeaders::skipped;
  };
  // Runs when a response is there, or an error came instead.
  using Answered = std::function<void(std::optional<Error>)>;

  FetchLane(io::Loop& loop, const Clock& clock, const Options& options, Answered answered);

  // The partitions that are fetched from this broker; the Fetcher keeps them.
  FetchOrder order;
  MonoTime not_before{};  // the broker throttles, or failed a moment ago
  std::uint32_t failures = 0;
  bool more_waits = false;     // the last response was full: so the next need not wait
  std::size_t asks_alone = 0;  // so many partitions are asked for one by one: to see whose batch is too large

  // Whom the last Fetch asked for, in its order: the response has the same, as a rule.
  std::vector<PartitionSlot> asked_slots;
  std::size_t answers_seen = 0;

  // The partition of the response that is being handed over.
  struct HandingOver {
    PartitionSlot slot;
    Position before;        // its position when the response was opened
    std::size_t bytes = 0;  // of its records, compressed as they may be
    bool open = false;
  } current;

  bool idle() const { return state_ == State::idle; }
  bool loaded() const { return state_ == State::loaded; }

  // Why the last fetch() brought no response; none if it did.
  wire::Failure failure() const { return failure_; }

  // Only when idle. `partitions` are copied; `names` keeps their topics' names, as the request may have to wait for
  // its connection.
  void fetch(const wire::FetchRequest& request, std::shared_ptr<const void> names);

  // Only when loaded. The response's next partition; none: there is no more, and the lane is idle.
  std::optional<wire::FetchedPartition> next_partition();
  std::span<const wire::AbortedTransaction> aborted() const { return aborted_; }
  std::int32_t throttle_ms() const { return reader_->throttle_ms(); }
  wire::ErrorCode response_code() const { return reader_->error_code(); }
  bool readable() const { return reader_->ok(); }

  // Reads the partition that next_partition() gave.
  wire::RecordsCursor& cursor() { return cursor_; }
  RecordHeaders headers() const { return options_.headers; }

  // What the cursor gave and nobody has taken yet.
  std::vector<RecordView> views;
  std::size_t views_taken = 0;
  Position views_next;

  // A response that is there or comes is not wanted.
  void discard();

  // For ListOffsets: queued behind a Fetch that is under way.
  wire::BrokerConnection& connection() { return connection_; }

 private:
  enum class State : std::uint8_t { idle, asked, loaded };
  void on_reply(const wire::Reply& reply);

  const Options options_;
  const Clock& clock_;
  Answered answered_;
  State state_ = State::idle;
  wire::Failure failure_ = wire::Failure::none;
  bool unwanted_ = false;
  std::shared_ptr<wire::ReceiveBuffer> buffer_;
  codec::Decompressor decompressor_;
  wire::RecordsCursor cursor_;
  std::optional<wire::FetchResponseReader> reader_;
  std::vector<wire::AbortedTransaction> aborted_;
  std::vector<wire::FetchPartition> asked_;
  std::shared_ptr<const void> names_;
  wire::BrokerConnection connection_;  // last: its callbacks use the rest
};

}  // namespace penstock::kafka
