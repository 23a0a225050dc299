// The requests that penstock sends, and the versions of each that it can write and read.
//
// The source of numbers and layouts is the Kafka protocol's message definitions: one JSON file per message,
// such as FetchRequest.json, in clients/src/main/resources/common/message of Apache Kafka. The sources of
// this module draw each message above the code that writes or reads it, and name its file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/types.h"

namespace penstock::wire {

enum class ApiKey : std::int16_t {
  fetch = 1,
  list_offsets = 2,
  metadata = 3,
  offset_commit = 8,
  offset_fetch = 9,
  find_coordinator = 10,
  leave_group = 13,
  sasl_handshake = 17,
  api_versions = 18,
  offset_for_leader_epoch = 23,
  sasl_authenticate = 36,
  delete_groups = 42,
};

constexpr std::array k_api_keys{
    ApiKey::fetch,
    ApiKey::list_offsets,
    ApiKey::metadata,
    ApiKey::offset_commit,
    ApiKey::offset_fetch,
    ApiKey::find_coordinator,
    ApiKey::leave_group,
    ApiKey::sasl_handshake,
    ApiKey::api_versions,
    ApiKey::offset_for_leader_epoch,
    ApiKey::sasl_authenticate,
    ApiKey::delete_groups,
};

// The protocol's name: "OffsetCommit".
const char* to_string(ApiKey api);

struct VersionRange {
  std::int16_t lowest = 0;
  // Below `lowest`: the range is empty.
  std::int16_t highest = -1;

  friend constexpr bool operator==(const VersionRange&, const VersionRange&) = default;
};

// What this module can encode and decode. Fetch begins at 4, the first version that knows transactions and
// brings magic 2. All end below the flexible versions, but for three. A broker answers version 3 of
// ApiVersions with the most, only Metadata from version 10 on tells the ids of topics, and Fetch 13 asks by
// them.
VersionRange supported_versions(ApiKey api);

// The flexible versions have compact strings and arrays, and tagged fields at the end of each structure.
bool is_flexible(ApiKey api, std::int16_t version);

// What one broker said that it understands. It remembers nothing about requests that penstock does not send.
class ApiVersions {
 public:
  void set(ApiKey api, VersionRange offered);
  void set_raw(std::int16_t api_key, VersionRange offered);

  // The highest version that both sides know; nullopt if there is none.
  std::optional<std::int16_t> highest_common(ApiKey api) const;

  // What the broker offers; an empty range if it named no such request.
  VersionRange offered(ApiKey api) const;

 private:
  std::array<VersionRange, k_api_keys.size()> offered_{};
};

// A broker's node id; -1 is none.
using BrokerId = Strong<struct BrokerIdTag, std::int32_t>;

// Stands for a partition's leader epoch where the version has no such field, or the broker does not know it.
constexpr std::int32_t k_no_leader_epoch = -1;

}  // namespace penstock::wire
