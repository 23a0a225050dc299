// How it works. One answer becomes one row of the table in blob_verdicts.cc, found by the error code, and
// by the status only where no row has the code. A row says what happened (kind), what the caller should do
// (action) and what a person could do (advice). The message is then put together from the operation, the
// address, "status code", the advice, the service's own sentence where it cannot hold a secret, and the
// request id.
//
// Worked case: Put Block is answered 403 AuthenticationFailed, and the clocks are an hour apart.
//
//   verdict   unauthenticated, give_up; "the key or SAS is wrong or has expired, or this machine's ..."
//   message   Put Block 3 of blob raw/a.txt at https://...: 403 AuthenticationFailed: <advice>; this
//             machine says Sat, 31 Jan 2026 00:00:00 GMT, the service Sat, 31 Jan 2026 01:00:00 GMT:
//             they are 3600 s apart, set this machine's clock [request id ...]
//
// The service gives every answer a request id. An answer that has neither an id nor a code is from something
// in between, such as a proxy, a firewall or a gateway. It is acted on as its status says, but for 404: only
// the service knows that a blob is absent, and who believes another drops a claim whose blob is there.
//
// No row, and none of the defaults, lets a caller drop data.
#include "azure/blob_errors.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

#include "azure/blob_verdicts.h"
#include "azure/http_date.h"
#include "azure/xml_reader.h"
#include "base/concat.h"
#include "base/letter_case.h"
#include "base/trimmed.h"

namespace penstock::azure {

namespace {

using std::chrono::milliseconds;

// A service that asks for more is asked again all the same: a proxy says a day, and is mended in minutes.
constexpr milliseconds k_retry_after_max = std::chrono::minutes{5};
// Azure takes requests that are signed up to 15 minutes ago. A minute is worth a word.
constexpr std::chrono::seconds k_clocks_apart_max = std::chrono::minutes{1};
// The part of the service's own sentence that a message repeats.
constexpr std::size_t k_quoted_bytes_max = 200;

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

// A year stands for whatever is longer, which keeps the arithmetic within bounds.
milliseconds times(std::uint64_t number, milliseconds unit) {
  constexpr milliseconds k_year = std::chrono::hours{24 * 365};
  return unit * static_cast<std::int64_t>(std::min(number, static_cast<std::uint64_t>(k_year / unit)));
}

// What the service asks for, however long.
std::optional<milliseconds> asked_pause(const Refusal& refusal, WallTime now) {
  for (const std::string_view text : {refusal.retry_after_ms, refusal.x_ms_retry_after_ms}) {
    if (const auto number = whole_number(text)) {
      return times(*number, milliseconds{1});
    }
  }
  if (const auto number = whole_number(refusal.retry_after)) {
    return times(*number, std::chrono::seconds{1});
  }
  if (const auto date = parse_http_date(refusal.retry_after)) {
    return std::max(std::chrono::ceil<milliseconds>(*date - now), milliseconds{0});
  }
  return std::nullopt;
}

std::string pause_text(milliseconds asked) {
  const auto seconds = [](milliseconds pause) {
    return std::chrono::ceil<std::chrono::seconds>(pause).count();
  };
  std::string text = concat("; it asks for a pause of ", seconds(asked), " s");
  if (asked > k_retry_after_max) {
    text += concat(", and is asked again after ", seconds(k_retry_after_max), " s");
  }
  return text;
}

bool is_web_page(std::string_view body) {
  const std::string begin = lower(trimmed(body).substr(0, 64));
  return begin.starts_with("<!doctype html") || begin.starts_with("<html");
}

// Words for an answer that the service did not give.
std::string in_between(const Verdict& verdict, std::string_view body) {
  const std::string_view page = is_web_page(body) ? ", a web page" : "";
  if (verdict.status == 407 || verdict.status == 413) {
    return std::string(verdict.advice);
  }
  return concat(
      "not an answer of the Blob service but of something in between", page,
      ": see whether sink.url is right, and what a proxy (https_proxy), a firewall or a gateway says");
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
  const std::optional<WallTime> theirs = parse_http_date(refusal.date);
  std::string text = concat("; this machine says ", format_http_date(now), ", the service ",
                            theirs ? refusal.date : std::string_view("gave no date"));
  if (theirs) {
    const auto apart =
        std::chrono::duration_cast<std::chrono::seconds>(now > *theirs ? now - *theirs : *theirs - now);
    if (apart > k_clocks_apart_max) {
      text += concat(": they are ", apart.count(), " s apart, set this machine's clock");
    }
  }
  return text;
}

// Of a challenge: "Bearer authorization_uri=https://login.microsoftonline.com/<tenant>/oauth2/authorize
// resource_id=https://storage.azure.com". The tenant is where a token must come from. Nothing else of it is
// repeated.
std::string wanted_authority(std::string_view challenge) {
  constexpr std::string_view k_name = "authorization_uri=";
  const std::size_t at = challenge.find(k_name);
  if (at == std::string_view::npos) {
    return {};
  }
  std::string_view uri = challenge.substr(at + k_name.size());
  uri.remove_prefix(uri.starts_with('"') ? 1 : 0);
  constexpr std::string_view k_https = "https://";
  constexpr std::string_view k_plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
  const std::size_t host_end = uri.find_first_not_of(k_plain, k_https.size());
  if (!uri.starts_with(k_https) || host_end == std::string_view::npos || uri[host_end] != '/') {
    return {};
  }
  const std::size_t tenant_end = std::min(uri.find_first_not_of(k_plain, host_end + 1), uri.size());
  if (tenant_end == host_end + 1 || tenant_end > 128) {
    return {};
  }
  return concat("; the account takes tokens of ", uri.substr(0, tenant_end));
}

bool is_address(std::string_view text) {
  return !text.empty() && text.size() <= 45 &&
         text.find_first_not_of("0123456789abcdefABCDEF.:") == std::string_view::npos;
}

// RFC 1918 and 4193, as far as private endpoints have them.
bool is_private(std::string_view address) {
  return address.starts_with("10.") || address.starts_with("192.168.") ||
         (address.starts_with("172.") && address.size() > 6 && address[6] == '.' &&
          address.substr(4, 2) >= "16" && address.substr(4, 2) <= "31") ||
         address.starts_with("fc") || address.starts_with("fd");
}

// For network rules: which way the request took. An emulator has none.
std::string address_text(std::string_view address) {
  if (!is_address(address) || address.starts_with("127.") || address == "::1") {
    return {};
  }
  return concat("; the connection went to ", address,
                is_private(address) ? ", a private address" : ", a public address");
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
  Verdict verdict = verdict_of(refusal.status, code);
  const bool of_the_service = !code.empty() || is_request_id(refusal.request_id);
  if (refusal.status == 404 && !of_the_service) {
    verdict.kind = ErrorKind::unsupported;
    verdict.action = Action::fatal;
  }

  Error error;
  error.kind = verdict.kind;
  error.action = verdict.action;
  error.code = concat(refusal.status, code.empty() ? "" : " ", code);
  const bool has_own_words = refusal.bearer && !verdict.bearer_advice.empty();
  const std::string advice(has_own_words ? verdict.bearer_advice : verdict.advice);
  error.message = concat(operation, " at ", endpoint.origin, endpoint.base_path, "/", endpoint.container,
                         ": ", error.code, ": ", of_the_service ? advice : in_between(verdict, refusal.body));
  if (code == "ContainerNotFound" || code == "FilesystemNotFound") {
    error.message += concat(" ", endpoint.container,
                            ", or correct sink.url; one that was deleted can be restored while soft delete "
                            "keeps it");
  }
  if (code == "AuthorizationFailure") {
    error.message += address_text(refusal.address);
  }
  if (verdict.kind == ErrorKind::unauthenticated) {
    error.message += both_clocks(refusal, now);
    if (refusal.bearer) {
      error.message += wanted_authority(refusal.www_authenticate);
    }
  }
  if (const auto asked = asked_pause(refusal, now)) {
    error.retry_after = std::min(*asked, k_retry_after_max);
    error.message += pause_text(*asked);
  }
  error.message += quoted_message(refusal);
  if (is_request_id(refusal.request_id)) {
    error.message += concat(" [request id ", refusal.request_id, "]");
  }
  return error;
}

}  // namespace penstock::azure
