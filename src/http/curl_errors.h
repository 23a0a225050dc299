// The one table that translates what libcurl reports.
#pragma once

#include <string_view>

#include <curl/curl.h>

#include <penstock/result.h>

namespace penstock::http {

// `host` names the other side. `detail` is libcurl's own sentence (its error buffer). It is repeated in the
// message, unless it quotes an address with a query, where a SAS may stand. A code without a row is
// unavailable, retry.
Error curl_error(CURLcode code, std::string_view host, std::string_view detail);

}  // namespace penstock::http
