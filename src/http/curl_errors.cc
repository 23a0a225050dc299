#include "http/curl_errors.h"

#include <optional>
#include <string>

#include "base/concat.h"
#include "http/proxy.h"

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
     "the answer is not HTTP: see whether this port is the store's"},
    {PENSTOCK_CURL_CODE(CURLE_COULDNT_RESOLVE_HOST), ErrorKind::unavailable, Action::retry,
     "the name cannot be resolved: see whether it is spelt right and DNS works"},
    {PENSTOCK_CURL_CODE(CURLE_COULDNT_RESOLVE_PROXY), ErrorKind::unavailable, Action::retry,
     "the proxy's name cannot be resolved: see https_proxy in the environment"},
    {PENSTOCK_CURL_CODE(CURLE_COULDNT_CONNECT), ErrorKind::unavailable, Action::retry,
     "no connection: see whether the address is right, something listens there, and no firewall or private "
     "endpoint is in the way"},
    {PENSTOCK_CURL_CODE(CURLE_OPERATION_TIMEDOUT), ErrorKind::timed_out, Action::retry,
     "the connection stands, and no answer came in time: the server hangs, or something in between does"},
    {PENSTOCK_CURL_CODE(CURLE_PEER_FAILED_VERIFICATION), ErrorKind::unavailable, Action::fatal,
     "the server's certificate is not trusted: install the ca-certificates package, name the right file in "
     "sink.tls.ca (of Entra: authority_ca, of a registry: registry.tls.ca) if a proxy opens TLS or the store "
     "has certificates of its own, "
     "and see whether the clock is right"},
    {PENSTOCK_CURL_CODE(CURLE_SSL_CACERT_BADFILE), ErrorKind::invalid_input, Action::fatal,
     "the file in sink.tls.ca cannot be read, or holds no certificates in PEM"},
    {PENSTOCK_CURL_CODE(CURLE_SSL_CONNECT_ERROR), ErrorKind::unavailable, Action::retry,
     "the TLS handshake failed: see whether this port speaks TLS"},
    {PENSTOCK_CURL_CODE(CURLE_SEND_ERROR), ErrorKind::unavailable, Action::retry,
     "the connection broke while sending"},
    {PENSTOCK_CURL_CODE(CURLE_RECV_ERROR), ErrorKind::unavailable, Action::retry,
     "the connection broke while receiving"},
    {PENSTOCK_CURL_CODE(CURLE_GOT_NOTHING), ErrorKind::unavailable, Action::retry,
     "the connection was closed without an answer"},
    {PENSTOCK_CURL_CODE(CURLE_PARTIAL_FILE), ErrorKind::unavailable, Action::retry,
     "the connection was closed within the answer"},
    {PENSTOCK_CURL_CODE(CURLE_WEIRD_SERVER_REPLY), ErrorKind::unavailable, Action::retry,
     "the answer is not HTTP: see whether this port is the store's"},
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

std::string proxy_advice(std::string_view url) {
  const std::optional<Proxy> proxy = proxy_of(url);
  return proxy ? concat("; ", proxy->variable,
                        " is set in the environment: see whether that proxy lets this through, or name the "
                        "host in no_proxy")
               : "";
}

}  // namespace penstock::http
