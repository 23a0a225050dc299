// What all brokers of the simulated cluster know: the logs and who leads them, and what is offered and
// allowed to whom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/types.h"
#include "sim/kafka_message.h"
#include "sim/sim_log.h"
#include "wire/error_code.h"

namespace penstock::sim {

struct Topic {
  TopicId id;
  bool comes_back = false;                             // it is deleted, and will be made anew
  wire::ErrorCode reading = wire::ErrorCode::none;     // for Metadata, Fetch and ListOffsets
  wire::ErrorCode committing = wire::ErrorCode::none;  // for OffsetCommit
};

struct Cluster {
  std::map<TopicPartition, Log> logs;
  std::map<std::string, Topic> topics;

  std::int32_t brokers = 1;  // their numbers are 1 to this
  std::int32_t coordinator = 1;
  OfferedVersions offered;
  bool closes_on_unknown_versions =
      false;                           // of ApiVersions, as old brokers do; or says that it does not know
  std::size_t response_bytes_max = 0;  // of records in a Fetch response
  std::size_t offset_metadata_max = 4096;

  // "127.0.0.1", a port each.
  static std::uint16_t port_of(std::int32_t broker) { return static_cast<std::uint16_t>(9000 + broker); }
};

}  // namespace penstock::sim
