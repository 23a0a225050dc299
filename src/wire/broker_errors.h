// The one table of the error codes that brokers put into the responses of this module: what happened, what to do,
// and what a code means for a fetch and for a commit. The table of librdkafka's codes is kafka/kafka_errors.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/commit_outcome.h"

namespace penstock::wire {

// What a partition's code in a Fetch or ListOffsets response asks for.
enum class FetchOutcome : std::uint8_t {
  fine,
  refresh_metadata,  // this broker does not lead the partition, or not at this epoch: ask who does, reconnect
  out_of_range,      // the position is below the log's start or above its end
  stop_partition,    // a person has to change something
  retry_later,       // a passing state of the broker
  corrupt,           // the broker cannot read its own log there
};

struct BrokerErrorRow {
  std::int16_t code = 0;
  const char* name = "";      // the protocol's
  const char* sentence = "";  // what the broker says by it
  ErrorKind kind{};
  Action action{};
  const char* advice = "";  // may be empty
  FetchOutcome fetch{};
  CommitOutcome commit{};
};

// Every row, ascending by code; 0 is among them.
std::span<const BrokerErrorRow> broker_error_table();

// A code without a row is a passing fault: unavailable, retry, retry_later, unknown.
FetchOutcome fetch_outcome(int code);
CommitOutcome commit_outcome(int code);

// Of the refused: the generation, the member or its claim on the instance id is not ours any more, so neither is any
// partition. REBALANCE_IN_PROGRESS is not among them: the member is still one, and is to rejoin.
bool is_membership_lost(int code);

// The protocol's name, "ILLEGAL_GENERATION"; "error 123" for a code without a row.
std::string broker_error_name(int code);

// `what` says what was being done to which topic or broker ("committing topic orders, partition 3"): it
// begins the sentence. It never holds a secret. `code` is not 0.
Error broker_error(int code, std::string_view what);

}  // namespace penstock::wire
