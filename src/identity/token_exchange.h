// One request for a token, and what its answer means. Pure: bytes of files come in as arguments, and somebody
// else sends the request (provider.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "http/message.h"
#include "identity/token.h"
#include "identity/token_source.h"

namespace penstock::identity {

// What is sent. `body` is a form (POST) or empty (GET). Body and some headers are secrets.
struct TokenRequest {
  http::Method method = http::Method::get;
  std::string url;
  http::Headers headers;
  std::string body;
  // Metadata services are on this machine or its host: no proxy.
  bool may_use_proxy = false;
};

// `scope` ends in "/.default"; metadata services get it without that, as the resource. `proof` is what the
// source needs beyond its fields: the federated token of a workload identity, the secret of an application,
// the signed assertion of a certificate (client_assertion.h), the key of an Arc challenge (empty on the first
// try). A secret.
TokenRequest token_request(const TokenSource& source, std::string_view scope, std::string_view proof);

// The token of an answer with status 200, or the Error of any other: `action` is retry for what may pass
// (`retry_after` where the service asks, or where it is to be left alone for so long, as with 410), give_up
// for what a person must mend. The sentence has the code, the trace id and the time, and what to check; never
// anything of the request.
Result<Token> read_token_answer(const TokenSource& source, const http::Response& answer, WallTime now);

// The Error of a request that had no answer, with who was asked for what in front of its sentence.
Error unanswered(const TokenSource& source, Error error);

// Arc: the file that the 401 names, if it is one that an agent may name (SSRF guard): a .key file directly in
// /var/opt/azcmagent/tokens. The caller reads at most 4,096 bytes of it.
Result<std::string> arc_challenge_file(const http::Response& answer);

// How long to wait after the `tries`-th failure in a row (from 1), for this source and error, before jitter.
Duration retry_pause(const TokenSource& source, const Error& error, std::uint32_t tries);

// "https://storage.azure.com/.default" for storage in every cloud.
std::string storage_scope();

// "https://eventhubs.azure.net/.default" for a schema registry in every cloud.
std::string registry_scope();

// "https://contoso.servicebus.windows.net/.default" of "contoso.servicebus.windows.net:9093".
std::string event_hubs_scope(std::string_view broker);

}  // namespace penstock::identity
