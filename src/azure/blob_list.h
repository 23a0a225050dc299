// The answer to List Blobs. Pure.
// https://learn.microsoft.com/rest/api/storageservices/list-blobs
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/metadata.h"

namespace penstock::azure {

struct ListedBlob {
  // Within the container, so with the sink's prefix.
  std::string name;
  std::uint64_t bytes = 0;

  // Keys in lower case.
  Metadata metadata;
};

struct BlobList {
  // In the order of the answer, which is that of their names. The directories that an account with a
  // hierarchical namespace lists too are left out.
  std::vector<ListedBlob> blobs;

  // Empty: this was the last page.
  std::string next_marker;
};

// Error corrupt, action retry: the text is not such an answer; the message says from which byte on.
Result<BlobList> parse_blob_list(std::string_view xml);

}  // namespace penstock::azure
