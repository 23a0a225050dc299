// The error codes that brokers put into their responses, as the Kafka protocol numbers and names them. What
// each of them means and asks for is the table of broker_errors.h.
#pragma once

#include <cstdint>

namespace penstock::wire {

// A code that is not named here may come all the same, from a newer broker: it stays representable, as
// ErrorCode{123}, and is told by its number.
enum class ErrorCode : std::int16_t {
  unknown_server_error = -1,
  none = 0,
  offset_out_of_range = 1,
  corrupt_message = 2,
  unknown_topic_or_partition = 3,
  invalid_fetch_size = 4,
  leader_not_available = 5,
  not_leader_or_follower = 6,
  request_timed_out = 7,
  broker_not_available = 8,
  replica_not_available = 9,
  offset_metadata_too_large = 12,
  network_exception = 13,
  coordinator_load_in_progress = 14,
  coordinator_not_available = 15,
  not_coordinator = 16,
  invalid_topic_exception = 17,
  illegal_generation = 22,
  invalid_group_id = 24,
  unknown_member_id = 25,
  rebalance_in_progress = 27,
  invalid_commit_offset_size = 28,
  topic_authorization_failed = 29,
  group_authorization_failed = 30,
  cluster_authorization_failed = 31,
  unsupported_sasl_mechanism = 33,
  illegal_sasl_state = 34,
  unsupported_version = 35,
  invalid_request = 42,
  unsupported_for_message_format = 43,
  kafka_storage_error = 56,
  sasl_authentication_failed = 58,
  group_id_not_found = 69,
  fetch_session_id_not_found = 70,
  invalid_fetch_session_epoch = 71,
  listener_not_found = 72,
  fenced_leader_epoch = 74,
  unknown_leader_epoch = 75,
  unsupported_compression_type = 76,
  offset_not_available = 78,
  fenced_instance_id = 82,
  unstable_offset_commit = 88,
  throttling_quota_exceeded = 89,
  unknown_topic_id = 100,
  inconsistent_topic_id = 103,
};

}  // namespace penstock::wire
