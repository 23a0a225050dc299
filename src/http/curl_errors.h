// The one table that translates what libcurl reports.
#pragma once

#include <string>
#include <string_view>

#include <curl/curl.h>

#include <penstock/result.h>

namespace penstock::http {

// `host` names the other side. `detail` is libcurl's own sentence (its error buffer). It is repeated in the
// message, unless it quotes an address with a query, where a SAS may stand. A code without a row is
// unavailable, retry.
Error curl_error(CURLcode code, std::string_view host, std::string_view detail);

// What to add to the message of a transport that failed for `url`: that the environment names a proxy for it,
// by which variable. Empty: it names none.
std::string proxy_advice(std::string_view url);

}  // namespace penstock::http
