// A storage account's connection string, as the portal gives it. Pure.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

#include "azure/credential.h"
#include "azure/endpoint.h"

namespace penstock::azure {

struct ConnectionString {
  // "https://contoso.blob.core.windows.net", without a slash at its end. Empty if the string names neither a
  // BlobEndpoint nor an EndpointSuffix.
  std::string blob_endpoint;
  Credential credential;
};

// Each of these forms, with names in any case and order. Unknown names are left aside. What
// base/connection_parts.h takes off may be there.
//
//   DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=...;EndpointSuffix=core.windows.net
//   BlobEndpoint=https://contoso.blob.core.windows.net/;SharedAccessSignature=sv=...
//   UseDevelopmentStorage=true
//
// Error invalid_input names what is missing or wrong, and never shows a value.
Result<ConnectionString> parse_connection_string(std::string_view text);

// Error invalid_input: the string is certainly of another store than the sink's. Of two emulators only the
// accounts are compared, since their ports are forwarded at will.
Result<void> check_same_store(const ConnectionString& string, const Endpoint& sink);

}  // namespace penstock::azure
