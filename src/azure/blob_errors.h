// Translates what the Blob service refuses, by the one table in blob_verdicts.h. Pure.
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

  // x-ms-error-code, such as "BlobAlreadyExists".
  std::string_view error_code;

  // How long to wait, in three headers: retry-after-ms and x-ms-retry-after-ms in milliseconds, Retry-After
  // in seconds or as a date. The first that can be read is taken, up to five minutes.
  std::string_view retry_after_ms;
  std::string_view x_ms_retry_after_ms;
  std::string_view retry_after;

  // Date: the server's clock.
  std::string_view date;

  // x-ms-request-id: what Azure's support asks for. The service gives each answer one.
  std::string_view request_id;

  // WWW-Authenticate: of 401 to a token, which tenant's tokens the account takes.
  std::string_view www_authenticate;

  // Of the machine that answered, "10.1.2.3"; empty where it is not known.
  std::string_view address;

  // The request went with a token of Entra, whose rights are roles.
  bool bearer = false;

  // XML, whose Code stands in for an absent x-ms-error-code.
  std::string_view body;
};

// `operation` begins the sentence: "Put Block 3 of blob raw/a.txt". `now` is this machine's clock. A
// Retry-After that is a date is counted from it, and the message of an authentication failure shows it
// beside the server's. The message holds no key, token or query.
Error blob_error(const Refusal& refusal, std::string_view operation, const Endpoint& endpoint, WallTime now);

}  // namespace penstock::azure
