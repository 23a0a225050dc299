// The one table of the error codes that brokers put into the responses of this module: what happened, what to
// do, and what a code means for a fetch and for a commit. The table of librdkafka's codes is
// rdkafka/kafka_errors.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/commit_outcome.h"
#include "wire/error_code.h"

namespace penstock::wire {

// What a partition's code in a Fetch or ListOffsets response asks for.
enum class FetchOutcome : std::uint8_t {
  fine,
  // This broker does not lead the partition, or not at this epoch: ask who does, and connect there.
  refresh_metadata,
  // The position is below the log's start or above its end.
  out_of_range,
  // A person has to change something.
  stop_partition,
  // A passing state of the broker.
  retry_later,
  // The broker cannot read its own log there.
  corrupt,
};

struct BrokerErrorRow {
  ErrorCode code = ErrorCode::none;
  // The protocol's: "ILLEGAL_GENERATION".
  const char* name = "";
  // What the broker says by it.
  const char* sentence = "";
  ErrorKind kind{};
  Action action{};
  // What the operator can do. May be empty.
  const char* advice = "";
  FetchOutcome fetch{};
  CommitOutcome commit{};
};

// Every row, ascending by code; 0 is among them.
std::span<const BrokerErrorRow> broker_error_table();

// A code without a row is a passing fault: unavailable, retry, retry_later, unknown.
FetchOutcome fetch_outcome(ErrorCode code);
CommitOutcome commit_outcome(ErrorCode code);

// True for those refused commits that say: the generation, the member or its claim on the instance id is not
// ours any more. Then no partition is ours either. False for REBALANCE_IN_PROGRESS: the member is still one,
// and is to rejoin.
bool is_membership_lost(ErrorCode code);

// The protocol's name, "ILLEGAL_GENERATION"; "error 123" for a code without a row.
std::string broker_error_name(ErrorCode code);

// The code as an Error of ours. `what` begins the sentence, says what was being done to which topic or broker
// ("committing topic orders, partition 3"), and never holds a secret. `code` is not none.
Error broker_error(ErrorCode code, std::string_view what);

}  // namespace penstock::wire
