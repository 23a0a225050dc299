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
  std::string name;  // within the container
  std::uint64_t bytes = 0;
  Metadata metadata;  // keys in lower case
};

struct BlobList {
  std::vector<ListedBlob> blobs;  // without the directories that an account with a hierarchy lists too
  std::string next_marker;        // empty: the last page
};

// Error corrupt, action retry: the text is not such an answer; the message says where it ends to be one.
Result<BlobList> parse_blob_list(std::string_view xml);

}  // namespace penstock::azure
