// DeleteGroups v0 and v1, which look the same. A group without members goes, with all that is committed in
// it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/api.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"

namespace penstock::wire {

struct DeleteGroupsRequest {
  std::string_view group;
};

void encode_delete_groups(Buffer& out, std::int16_t version, const DeleteGroupsRequest& request);

struct DeleteGroupsResponse {
  std::int32_t throttle_ms = 0;
  // Of each group that was named: one, as a request has one.
  std::vector<ErrorCode> codes;
};

// Error: unreadable_response().
Result<DeleteGroupsResponse> decode_delete_groups(Bytes body, std::int16_t version);

}  // namespace penstock::wire
