// What lets us in, and how a request carries it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <penstock/result.h>

#include "azure/request.h"
#include "base/clock.h"

namespace penstock::azure {

// The account's own key, which signs each request.
struct SharedKey {
  std::string account;

  // Decoded. A secret.
  std::vector<std::byte> key;
};

// A shared access signature: a query that somebody with the key has signed before.
struct Sas {
  // "sv=2021-12-02&ss=b&...&sig=...", as it goes into a query. A secret.
  std::string token;
};

// A token of Entra.
struct Bearer {
  // As it goes behind "Bearer ". A secret.
  std::string token;
};

using Credential = std::variant<SharedKey, Sas, Bearer>;

// `key` is base64, as the portal shows it; white space around it (a file's last newline) is taken off. Errors
// name what is wrong and never show the key.
Result<SharedKey> make_shared_key(std::string_view account, std::string_view key);

// Takes a token with or without its '?', and white space around it. An error if it is not a SAS.
Result<Sas> make_sas(std::string_view token);

// Adds what the service asks for from everyone (x-ms-version, x-ms-date), then the credential: an
// Authorization header, or the SAS. Call it once for each sending, as a signature is good for 15 minutes.
void authorize(BlobRequest& request, const Credential& credential, WallTime now);

}  // namespace penstock::azure
