// One connection that fetches, to one broker: one Fetch at a time, and its response, handed out piece by
// piece from the buffer that it was received into. Policy (what to fetch, what an error means) is the
// Fetcher's.
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
#include "wire/broker_connection.h"
#include "wire/cluster_client.h"
#include "wire/fetch.h"
#include "wire/records_cursor.h"

namespace penstock::kafka {

// What one Fetch brings at most, unless a single batch is larger. It stays in the cache: larger ones cost
// more processor time per byte (page faults, cold memory), smaller ones more system calls.
inline constexpr std::size_t k_lane_fetch_bytes = std::size_t{1} << 20;

// Beside the records: the response's header, and some 60 bytes per partition with its topic's name.
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

  bool idle() const { return state_ == State::idle; }
  bool loaded() const { return state_ == State::loaded; }

  // Whether the last fetch() brought an error because its response is above the limit.
  bool was_too_large() const { return was_too_large_; }

  // Only when idle. `partitions` are copied; `names` keeps their topics' names, as the request may have to
  // wait for its connection.
  void fetch(const wire::FetchRequest& request, std::shared_ptr<const void> names);

  // Only when loaded. The response's next partition; none: there is no more, and the lane is idle.
  std::optional<wire::FetchedPartition> next_partition();
  std::span<const wire::AbortedTransaction> aborted() const { return aborted_; }
  std::int32_t throttle_ms() const { return reader_->throttle_ms(); }
  wire::ErrorCode response_code() const { return reader_->error_code(); }
  bool readable() const { return reader_->ok(); }

  // The response is to a Fetch that asked for topics by their ids: it is of no other topic of the same name.
  bool by_id() const { return by_id_; }

  // Reads the partition that next_partition() gave. What it gives lies in the response, until the next
  // fetch().
  wire::RecordsCursor& cursor() { return cursor_; }
  RecordHeaders headers() const { return options_.headers; }

  // A response that is there or comes is not wanted.
  void discard();

  // For ListOffsets: queued behind a Fetch that is under way.
  wire::BrokerConnection& connection() { return connection_; }

 private:
  enum class State : std::uint8_t { idle, asked, loaded };
  void on_reply(const wire::Reply& reply);

  const Options options_;
  Answered answered_;
  State state_ = State::idle;
  bool unwanted_ = false;
  bool was_too_large_ = false;
  bool by_id_ = false;
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
