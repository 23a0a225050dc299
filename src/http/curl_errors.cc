#include "http/curl_errors.h"

#include <string>

#include "base/concat.h"

namespace penstock::http {

namespace {

struct Verdict {
  CURLcode code;
  std::string_view name;
  ErrorKind kind;
  Action action;
  std::string_view advice;
};

#define PENSTOCK_CURL_CODE(code) code, #code

// A code that is not here is unavailable, retry: a failure of the transport, the outcome unknown.
constexpr Verdict k_verdicts[] = {
    {PENSTOCK_CURL_CODE(CURLE_URL_MALFORMAT), ErrorKind::invalid_input, Action::fatal,
     "the address is malformed: correct the URL in the configuration"},
    {PENSTOCK_CURL_CODE(CURLE_UNSUPPORTED_PROTOCOL), ErrorKind::invalid_input, Action::fatal,
     "only http and https are spoken: correct the URL in the configuration"},
    {PENSTOCK_CURL_CODE(CURLE_COULDNT_RESOLVE_HOST), ErrorKind::unavailable, Action::retry,
     "the name cannot be resolved: see whether it is spelt right and DNS works"},
    {PENSTOCK_CURL_CODE(CURLE_COULDNT_RESOLVE_PROXY), ErrorKind::unavailable, Action::retry,
     "the proxy's name cannot be resolved: see https_proxy in the environment"},
    {PENSTOCK_CURL_CODE(CURLE_COULDNT_CONNECT), ErrorKind::unavailable, Action::retry,
     "no connection: see whether a firewall or a private endpoint is in the way"},
    {PENSTOCK_CURL_CODE(CURLE_OPERATION_TIMEDOUT), ErrorKind::timed_out, Action::retry, "no answer in time"},
    {PENSTOCK_CURL_CODE(CURLE_PEER_FAILED_VERIFICATION), ErrorKind::unavailable, Action::fatal,
     "the server's certificate is not trusted: install the ca-certificates package or name the right CA "
     "file, "
     "and see whether a proxy intercepts TLS and the clock is right"},
    {PENSTOCK_CURL_CODE(CURLE_SSL_CACERT_BADFILE), ErrorKind::invalid_input, Action::fatal,
     "the CA file cannot be read"},
    {PENSTOCK_CURL_CODE(CURLE_SSL_CONNECT_ERROR), ErrorKind::unavailable, Action::retry,
     "the TLS handshake failed"},
    {PENSTOCK_CURL_CODE(CURLE_SEND_ERROR), ErrorKind::unavailable, Action::retry,
     "the connection broke while sending"},
    {PENSTOCK_CURL_CODE(CURLE_RECV_ERROR), ErrorKind::unavailable, Action::retry,
     "the connection broke while receiving"},
    {PENSTOCK_CURL_CODE(CURLE_GOT_NOTHING), ErrorKind::unavailable, Action::retry,
     "the connection was closed without an answer"},
    {PENSTOCK_CURL_CODE(CURLE_PARTIAL_FILE), ErrorKind::unavailable, Action::retry,
     "the connection was closed within the answer"},
    {PENSTOCK_CURL_CODE(CURLE_WEIRD_SERVER_REPLY), ErrorKind::unavailable, Action::retry,
     "the answer is not HTTP"},
    {PENSTOCK_CURL_CODE(CURLE_WRITE_ERROR), ErrorKind::unavailable, Action::retry,
     "the answer is longer than its limit"},
    {PENSTOCK_CURL_CODE(CURLE_OUT_OF_MEMORY), ErrorKind::unavailable, Action::retry, "out of memory"},
};

#undef PENSTOCK_CURL_CODE

}  // namespace

Error curl_error(CURLcode code, std::string_view host, std::string_view detail) {
  Error error =
      make_error(ErrorKind::unavailable, Action::retry, {}, concat("CURLE ", static_cast<int>(code)));
  std::string_view advice = ::curl_easy_strerror(code);
  for (const Verdict& verdict : k_verdicts) {
    if (verdict.code == code) {
      error.kind = verdict.kind;
      error.action = verdict.action;
      error.code = verdict.name;
      advice = verdict.advice;
    }
  }
  error.message = concat("request to ", host, ": ", advice);
  if (!detail.empty() && detail.find('?') == std::string_view::npos) {
    error.message += concat(" (", detail, ")");
  }
  return error;
}

}  // namespace penstock::http
