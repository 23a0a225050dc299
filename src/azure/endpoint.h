// Where blobs go: the sink's URL, taken apart. Pure.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

namespace penstock::azure {

struct Endpoint {
  std::string origin;  // "https://contoso.blob.core.windows.net", "http://127.0.0.1:10000": no path, no slash
  std::string base_path;            // "" or, path-style, "/devstoreaccount1"
  std::string account;              // the host's first label or the first segment of a path-style URL
  bool account_is_certain = false;  // false where a custom domain may stand before the account
  std::string container;            // "lake"
  std::string prefix;               // "raw", "raw/api", or ""; no slash at either end

  // "https://contoso.blob.core.windows.net/lake/raw"
  std::string description() const;
  // A name relative to the sink's prefix, as a name within the container: "raw/api/x.txt".
  std::string full_name(std::string_view name) const;
};

// Takes
//   https://contoso.blob.core.windows.net/lake/raw         the account is the host's first label
//   https://contoso.dfs.core.windows.net/lake/raw          the same account: its blob host is used
//   http://127.0.0.1:10000/devstoreaccount1/lake/raw       path-style: the host is an IP address, localhost,
//   or
//                                                          has no dot; http only where the host is loopback
// Error invalid_input says what is wrong and what to write; a query is never shown, because people paste a
// SAS there.
Result<Endpoint> parse_endpoint(std::string_view url);

}  // namespace penstock::azure
