// How it works. One answer becomes one row of k_verdicts, found by the error code, and by the status only
// where no row has the code. A row says what happened (kind), what the caller should do (action) and what a
// person could do (advice). The message is then put together from the operation, the address, "status
// code", the advice, the service's own sentence where it cannot hold a secret, and the request id.
//
// Worked cases:
//
//   409 BlobAlreadyExists      already_exists, give_up: the name is taken, the caller asks by whom
//   409 ContainerBeingDeleted  unavailable, retry: of the same status, and passes
//   409 without a code         already_exists: a HEAD or a proxy stripped the code, the name must be asked
//   404 BlobNotFound           not_found, give_up: one blob is absent
//   404 ContainerNotFound      not_found, fatal: no blob can be written until a person creates the container
//   418 IAmATeapot             invalid_input, fatal: unknown and below 500 waits until a person looks
//   599 Whatever               unavailable, retry: unknown and from 500 on is a fault of the service
//
// No row, and none of the defaults, lets a caller drop data.
#include "azure/blob_errors.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

#include "azure/http_date.h"
#include "azure/xml_reader.h"
#include "base/concat.h"

namespace penstock::azure {

namespace {

using std::chrono::milliseconds;

// No server means more than a day; it keeps the arithmetic within bounds too.
constexpr milliseconds k_retry_after_max = std::chrono::hours{24};
// The part of the service's own sentence that a message repeats.
constexpr std::size_t k_quoted_bytes_max = 200;

struct Verdict {
  int status;             // 0: any
  std::string_view code;  // "": any
  ErrorKind kind;
  Action action;
  std::string_view advice;
};

constexpr std::string_view k_exists = "the name is taken";
constexpr std::string_view k_no_permission =
    "the credential is good and does not allow this: give it the role Storage Blob Data Contributor, or a "
    "SAS "
    "with read, create, write and list, and allow this machine in the account's network rules";
constexpr std::string_view k_bad_request = "the service refuses the request as it stands";
constexpr std::string_view k_server_fault = "a fault of the service; it usually passes";

// Read from the top; the first row that fits is taken. Rows with a code come before rows of their status.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
constexpr Verdict k_verdicts[] = {
    // A conditional create that found something. The reader of the name then learns what. A lease, another
    // type of blob, a policy against changes and a SAS without overwriting each say that something is there.
    {0, "BlobAlreadyExists", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "ConditionNotMet", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "UnauthorizedBlobOverwrite", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "BlobImmutableDueToPolicy", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "InvalidBlobType", ErrorKind::already_exists, Action::give_up, "a blob of another type has the name"},
    {0, "LeaseIdMissing", ErrorKind::already_exists, Action::give_up,
     "the name is taken by a blob that someone holds a lease on"},
    {0, "BlobArchived", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "ContainerAlreadyExists", ErrorKind::already_exists, Action::give_up,
     "the container is there already"},

    {0, "ContainerNotFound", ErrorKind::not_found, Action::fatal, "create the container"},
    {0, "BlobNotFound", ErrorKind::not_found, Action::give_up, "no blob has this name"},
    {0, "InvalidBlockList", ErrorKind::invalid_block_list, Action::give_up,
     "a block of the list is not there: put the blocks again"},
    {0, "BlockCountExceedsLimit", ErrorKind::invalid_input, Action::fatal, "raise sink.block_bytes"},
    {0, "RequestBodyTooLarge", ErrorKind::invalid_input, Action::fatal, "lower sink.block_bytes"},
    {0, "Md5Mismatch", ErrorKind::corrupt, Action::retry, "the bytes changed on their way"},
    {0, "Crc64Mismatch", ErrorKind::corrupt, Action::retry, "the bytes changed on their way"},

    {0, "ServerBusy", ErrorKind::throttled, Action::retry, "the service asks to slow down"},
    {0, "AccountIopsLimitExceeded", ErrorKind::throttled, Action::retry, "the account is over its limit"},
    {0, "OperationTimedOut", ErrorKind::timed_out, Action::retry, k_server_fault},
    {0, "AccountBeingCreated", ErrorKind::unavailable, Action::retry, "the account is being created"},
    {0, "ContainerBeingDeleted", ErrorKind::unavailable, Action::retry,
     "the container is being deleted: when that is done, create it again"},
    {0, "ContainerDisabled", ErrorKind::unavailable, Action::retry,
     "an administrator disabled the container"},

    {0, "AuthenticationFailed", ErrorKind::unauthenticated, Action::give_up,
     "the key or SAS is wrong or has expired, or this machine's clock is wrong"},
    {0, "InvalidAuthenticationInfo", ErrorKind::unauthenticated, Action::give_up,
     "the credential is malformed or has expired"},
    {0, "NoAuthenticationInformation", ErrorKind::unauthenticated, Action::give_up,
     "the credential is missing"},
    // Azure says so of network rules, which take minutes to follow a change; Azurite of a wrong key.
    {0, "AuthorizationFailure", ErrorKind::forbidden, Action::give_up,
     "the account's network rules exclude this machine, or the credential does not allow this (an emulator: "
     "its key "
     "is wrong)"},
    {0, "KeyBasedAuthenticationNotPermitted", ErrorKind::forbidden, Action::fatal,
     "the account forbids shared keys: use another sink.auth, or allow key access in the account"},
    {0, "AccountIsDisabled", ErrorKind::forbidden, Action::fatal, "the storage account is disabled"},

    {400, "", ErrorKind::invalid_input, Action::fatal, k_bad_request},
    {401, "", ErrorKind::unauthenticated, Action::give_up, "the credential is wrong or has expired"},
    {403, "", ErrorKind::forbidden, Action::fatal, k_no_permission},
    {404, "", ErrorKind::not_found, Action::give_up, "nothing has this name"},
    {408, "", ErrorKind::timed_out, Action::retry, k_server_fault},
    {412, "", ErrorKind::already_exists, Action::give_up, k_exists},
    {429, "", ErrorKind::throttled, Action::retry, "the service asks to slow down"},
    {500, "", ErrorKind::unavailable, Action::retry, k_server_fault},
    {502, "", ErrorKind::unavailable, Action::retry, k_server_fault},
    {503, "", ErrorKind::unavailable, Action::retry, k_server_fault},
    {504, "", ErrorKind::timed_out, Action::retry, k_server_fault},
};

Verdict verdict_of(int status, std::string_view code) {
  for (const Verdict& verdict : k_verdicts) {
    if (verdict.code.empty() ? verdict.status == status : verdict.code == code) {
      return verdict;
    }
  }
  if (status == 409) {
    // A conflict that passes, but for the one that a HEAD or a proxy has stripped of its code: then the name
    // must be asked.
    return code.empty() ? Verdict{409, "", ErrorKind::already_exists, Action::give_up, k_exists}
                        : Verdict{409, "", ErrorKind::unavailable, Action::retry, "a conflict that may pass"};
  }
  if (status >= 500) {
    return {status, "", ErrorKind::unavailable, Action::retry, k_server_fault};
  }
  if (status >= 400) {
    return {status, "", ErrorKind::invalid_input, Action::fatal, k_bad_request};
  }
  return {status, "", ErrorKind::unsupported, Action::fatal,
          "not an answer of the Blob service: see whether the sink's URL and the proxy are right"};
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

milliseconds bounded(std::uint64_t number, milliseconds unit) {
  const auto most = static_cast<std::uint64_t>(k_retry_after_max / unit);
  return unit * static_cast<std::int64_t>(std::min(number, most));
}

std::optional<milliseconds> retry_after_of(const Refusal& refusal, WallTime now) {
  for (const std::string_view text : {refusal.retry_after_ms, refusal.x_ms_retry_after_ms}) {
    if (const auto number = whole_number(text)) {
      return bounded(*number, milliseconds{1});
    }
  }
  if (const auto number = whole_number(refusal.retry_after)) {
    return bounded(*number, std::chrono::seconds{1});
  }
  if (const auto date = parse_http_date(refusal.retry_after)) {
    const auto wait = std::chrono::ceil<milliseconds>(*date - now);
    return std::clamp(wait, milliseconds{0}, k_retry_after_max);
  }
  return std::nullopt;
}

// The text of <Error>'s child `name`; empty if the body is not such XML.
std::string error_field(std::string_view body, std::string_view name) {
  XmlReader reader{body};
  std::string found;
  bool inside = false;
  for (XmlEvent event = reader.next(); event.kind != XmlEvent::Kind::end_of_document; event = reader.next()) {
    switch (event.kind) {
      case XmlEvent::Kind::error:
        return {};
      case XmlEvent::Kind::start:
        inside = reader.depth() == 2 && event.name == name;
        break;
      case XmlEvent::Kind::text:
        if (inside) {
          found += event.text;
        }
        break;
      default:
        if (inside) {
          return found;
        }
    }
  }
  return {};
}

// The service's own sentence, in one line of printable ASCII. Not for 401 and 403, where it may quote the
// request.
std::string quoted_message(const Refusal& refusal) {
  if (refusal.status == 401 || refusal.status == 403) {
    return {};
  }
  const std::string text = error_field(refusal.body, "Message");
  std::string line;
  for (const char c : std::string_view(text).substr(0, std::min(text.find('\n'), k_quoted_bytes_max))) {
    line += c >= ' ' && c <= '~' ? c : ' ';
  }
  return line.empty() ? line : concat(" (\"", line, "\")");
}

std::string both_clocks(const Refusal& refusal, WallTime now) {
  return concat("; this machine says ", format_http_date(now), ", the service ",
                parse_http_date(refusal.date) ? refusal.date : std::string_view("gave no date"));
}

// A code from outside goes into messages and metrics only if it looks like one.
bool is_error_code(std::string_view code) {
  return !code.empty() && code.size() <= 64 && std::all_of(code.begin(), code.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

bool is_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 &&
         id.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos;
}

}  // namespace

Error blob_error(const Refusal& refusal, std::string_view operation, const Endpoint& endpoint, WallTime now) {
  std::string code{refusal.error_code};
  if (!is_error_code(code)) {
    code = error_field(refusal.body, "Code");
  }
  if (!is_error_code(code)) {
    code.clear();
  }
  const Verdict verdict = verdict_of(refusal.status, code);

  Error error;
  error.kind = verdict.kind;
  error.action = verdict.action;
  error.code = concat(refusal.status, code.empty() ? "" : " ", code);
  error.retry_after = retry_after_of(refusal, now);
  error.message = concat(operation, " at ", endpoint.origin, endpoint.base_path, "/", endpoint.container,
                         ": ", error.code, ": ", verdict.advice);
  if (code == "ContainerNotFound") {
    error.message += " " + endpoint.container;
  }
  if (verdict.kind == ErrorKind::unauthenticated) {
    error.message += both_clocks(refusal, now);
  }
  error.message += quoted_message(refusal);
  if (is_request_id(refusal.request_id)) {
    error.message += concat(" [request id ", refusal.request_id, "]");
  }
  return error;
}

}  // namespace penstock::azure
