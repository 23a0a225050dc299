#include "wire/api.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::wire {
namespace {

std::size_t index_of(ApiKey api) {
  const auto* at = std::find(k_api_keys.begin(), k_api_keys.end(), api);
  CHECK((at != k_api_keys.end()));
  return static_cast<std::size_t>(at - k_api_keys.begin());
}

}  // namespace

const char* to_string(ApiKey api) {
  switch (api) {
    case ApiKey::fetch:
      return "Fetch";
    case ApiKey::list_offsets:
      return "ListOffsets";
    case ApiKey::metadata:
      return "Metadata";
    case ApiKey::offset_commit:
      return "OffsetCommit";
    case ApiKey::offset_fetch:
      return "OffsetFetch";
    case ApiKey::find_coordinator:
      return "FindCoordinator";
    case ApiKey::leave_group:
      return "LeaveGroup";
    case ApiKey::sasl_handshake:
      return "SaslHandshake";
    case ApiKey::api_versions:
      return "ApiVersions";
    case ApiKey::offset_for_leader_epoch:
      return "OffsetForLeaderEpoch";
    case ApiKey::sasl_authenticate:
      return "SaslAuthenticate";
    case ApiKey::delete_groups:
      return "DeleteGroups";
  }
  return "?";
}

VersionRange supported_versions(ApiKey api) {
  switch (api) {
    case ApiKey::fetch:
      return {4, 13};
    case ApiKey::list_offsets:
      return {1, 5};
    case ApiKey::metadata:
      return {4, 12};
    case ApiKey::offset_commit:
      return {2, 7};
    case ApiKey::offset_fetch:
      return {1, 5};
    case ApiKey::find_coordinator:
      return {0, 2};
    case ApiKey::leave_group:
      return {3, 3};
    case ApiKey::sasl_handshake:
      return {1, 1};
    case ApiKey::api_versions:
      return {0, 3};
    case ApiKey::offset_for_leader_epoch:
      return {2, 3};
    case ApiKey::sasl_authenticate:
    case ApiKey::delete_groups:
      return {0, 1};
  }
  return {};
}

bool is_flexible(ApiKey api, std::int16_t version) {
  return (api == ApiKey::api_versions && version >= 3) || (api == ApiKey::metadata && version >= 9) ||
         (api == ApiKey::fetch && version >= 12);
}

void ApiVersions::set(ApiKey api, VersionRange offered) {
  offered_[index_of(api)] = offered;
}

void ApiVersions::set_raw(std::int16_t api_key, VersionRange offered) {
  for (const ApiKey api : k_api_keys) {
    if (static_cast<std::int16_t>(api) == api_key) {
      set(api, offered);
    }
  }
}

std::optional<std::int16_t> ApiVersions::highest_common(ApiKey api) const {
  const VersionRange ours = supported_versions(api);
  const VersionRange theirs = offered(api);
  const std::int16_t highest = std::min(ours.highest, theirs.highest);
  if (highest < std::max(ours.lowest, theirs.lowest)) {
    return std::nullopt;
  }
  return highest;
}

VersionRange ApiVersions::offered(ApiKey api) const {
  return offered_[index_of(api)];
}

}  // namespace penstock::wire
