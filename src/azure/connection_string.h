// A storage account's connection string, as the portal gives it. Pure.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

#include "azure/credential.h"

namespace penstock::azure {

struct ConnectionString {
  // "https://contoso.blob.core.windows.net", without a slash at its end.
  std::string blob_endpoint;
  Credential credential;
};

// "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=...;EndpointSuffix=core.windows.net",
// "BlobEndpoint=https://contoso.blob.core.windows.net/;SharedAccessSignature=sv=...", or
// "UseDevelopmentStorage=true". Keys in any case and order; unknown ones are left aside. Error invalid_input
// names the key that is missing or wrong, and never shows a value.
Result<ConnectionString> parse_connection_string(std::string_view text);

}  // namespace penstock::azure
