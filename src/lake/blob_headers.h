// What the headers of an answer to Get Blob Properties say of the blob. Pure.
#pragma once

#include <string_view>

#include <penstock/result.h>

#include "http/message.h"
#include "lake/blob_store.h"

namespace penstock::lake {

// Content-Length, and each x-ms-meta-<key> with its key in lower case. `operation` begins the error's
// message. Error corrupt, action retry: there is no length, or it is no number.
Result<BlobProperties> properties_of(const http::Headers& headers, std::string_view operation);

}  // namespace penstock::lake
