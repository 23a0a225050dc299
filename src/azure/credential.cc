#include "azure/credential.h"

#include <algorithm>
#include <utility>

#include "azure/http_date.h"
#include "azure/query_parameter.h"
#include "azure/shared_key.h"
#include "base/base64.h"
#include "base/concat.h"
#include "base/trimmed.h"

namespace penstock::azure {

namespace {

// Of 2021: old enough for the emulator, new enough for every call made here.
constexpr std::string_view k_api_version = "2021-12-02";

bool fits_a_query(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '#' || c == '?' || c == '"') {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<SharedKey> make_shared_key(std::string_view account, std::string_view key) {
  account = trimmed(account);
  key = trimmed(key);
  if (account.empty()) {
    return invalid_input("the storage account's name is empty: write the name that the key belongs to");
  }
  if (key.empty()) {
    return invalid_input(concat("the key of storage account ", account, " is empty"));
  }
  auto decoded = base64_decode(key);
  if (!decoded.ok()) {
    return invalid_input(concat("the key of storage account ", account, " is ", decoded.error().message,
                                ": copy it again, whole, as the portal shows it"));
  }
  return SharedKey{std::string(account), *std::move(decoded)};
}

Result<Sas> make_sas(std::string_view token) {
  token = trimmed(token);
  if (token.starts_with('?')) {
    token.remove_prefix(1);
  }
  if (token.find("://") != std::string_view::npos) {
    return invalid_input("the SAS is a whole URL: write only what follows its '?'");
  }
  for (const std::string_view needed : {"sv", "sig"}) {
    if (query_parameter(token, needed).empty()) {
      return invalid_input(concat("the SAS has no '", needed, "': copy the whole token, sv=...&sig=..."));
    }
  }
  if (!fits_a_query(token)) {
    return invalid_input(
        "the SAS holds a character that no token has (white space, quote, '#'): copy it again");
  }
  // A query's '+' is a space to the service, and a signature has none: somebody has decoded the token.
  if (query_parameter(token, "sig").find('+') != std::string_view::npos) {
    return invalid_input(
        "the SAS has a '+' in its 'sig', so it was decoded on its way here: copy it again, or write %2B for "
        "each '+'");
  }
  return Sas{std::string(token)};
}

void authorize(BlobRequest& request, const Credential& credential, WallTime now) {
  request.headers.emplace_back("x-ms-version", k_api_version);
  request.headers.emplace_back("x-ms-date", format_http_date(now));
  if (const auto* sas = std::get_if<Sas>(&credential)) {
    request.sas = sas->token;
    return;
  }
  if (const auto* bearer = std::get_if<Bearer>(&credential)) {
    request.headers.emplace_back("authorization", concat("Bearer ", bearer->token));
    return;
  }
  const auto& shared_key = std::get<SharedKey>(credential);
  request.headers.emplace_back("authorization", shared_key_authorization(request, shared_key));
}

}  // namespace penstock::azure
