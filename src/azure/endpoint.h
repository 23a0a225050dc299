// Where blobs go: the sink's URL, taken apart. Pure.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

namespace penstock::azure {

struct Endpoint {
  // "https://contoso.blob.core.windows.net", "http://127.0.0.1:10000": without a path, and without a slash.
  std::string origin;

  // Empty or, path-style, "/devstoreaccount1".
  std::string base_path;

  // The host's first label, or the first segment of a path-style URL.
  std::string account;

  // False where a custom domain may stand in place of the account's host.
  bool account_is_certain = false;

  // "lake"
  std::string container;

  // "raw", "raw/api" or empty, without a slash at either end.
  std::string prefix;

  // "https://contoso.blob.core.windows.net/lake/raw", for messages.
  std::string description() const;

  // A name relative to the sink's prefix as a name within the container: "raw/api/x.txt".
  std::string full_name(std::string_view name) const;
};

// Takes
//
//   https://contoso.blob.core.windows.net/lake/raw      the account is the host's first label
//   https://contoso.dfs.core.windows.net/lake/raw       the same account: its blob host is used
//   http://127.0.0.1:10000/devstoreaccount1/lake/raw    path-style: the host is an IP address, or has no dot
//
// http is taken only where the host is loopback. Error invalid_input says what is wrong and what to write.
// It never shows a query, because people paste a SAS there.
Result<Endpoint> parse_endpoint(std::string_view url);

}  // namespace penstock::azure
