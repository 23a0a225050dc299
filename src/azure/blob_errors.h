// The one table that translates what the Blob service refuses. Pure.
//
// It says what a person or a policy should do; the policy is elsewhere. An answer that is not in the table is
// judged by its status alone, and never as a reason to drop data.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

#include "azure/endpoint.h"
#include "base/clock.h"

namespace penstock::azure {

// An answer that is not the one hoped for. Headers that were absent are empty.
struct Refusal {
  int status = 0;
  std::string_view error_code;           // x-ms-error-code
  std::string_view retry_after_ms;       // retry-after-ms
  std::string_view x_ms_retry_after_ms;  // x-ms-retry-after-ms
  std::string_view retry_after;          // Retry-After: seconds or a date
  std::string_view date;                 // Date: the server's clock
  std::string_view request_id;           // x-ms-request-id: what Azure's support asks for
  std::string_view body;                 // XML, whose Code stands in for an absent x-ms-error-code
};

// `operation` begins the sentence: "Put Block 3 of blob raw/a.txt". `now` is this machine's clock: an
// authentication failure shows both clocks, a Retry-After that is a date is counted from it.
Error blob_error(const Refusal& refusal, std::string_view operation, const Endpoint& endpoint, WallTime now);

}  // namespace penstock::azure
