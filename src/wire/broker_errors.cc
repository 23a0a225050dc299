// How it works. One row per code answers four questions: what happened, in words; of which kind of Error it
// is and what the caller does; what the operator can do; and what the code asks for in a Fetch and in an
// OffsetCommit. Nobody else decides by a code, but for the few comparisons with ErrorCode that a protocol
// step demands (NOT_COORDINATOR, a login).
//
// An example: OffsetCommit answers 22. The row says "refused" for a commit, so that the claim is dropped, and
// is_membership_lost() says that the partitions are not ours any more. The operator reads
//
//   committing position 42 of topic orders, partition 3: the group is in another generation
//   (ILLEGAL_GENERATION); the group has moved on: the partitions may belong to another worker by now
//
// To add a code: a name in error_code.h, a row here in its place, and its line in the test of this table.
#include "wire/broker_errors.h"

#include <algorithm>
#include <array>

#include "base/concat.h"

namespace penstock::wire {
namespace {

constexpr const char* k_none = "";
constexpr const char* k_advice_member =
    "the group has moved on: the partitions may belong to another worker by now";
constexpr const char* k_advice_instance =
    "another process has the same source.instance (host and worker, unless it is set): give every process of "
    "the group its own";
constexpr const char* k_advice_topic = "check source.topics, and that the topic exists in this cluster";
constexpr const char* k_advice_librdkafka = "set source.fetch: librdkafka and guarantee: at_least_once";
constexpr const char* k_advice_password =
    "check source.auth (an Event Hubs connection string needs Listen on the namespace or the hub)";
constexpr const char* k_advice_report =
    "set source.fetch: librdkafka and guarantee: at_least_once, and report this";

using Fetch = FetchOutcome;
using Commit = CommitOutcome;

// Numbers and names: the Kafka protocol's table of error codes. Which of them an API returns: its message
// definition and the broker's code, whose coordinator turns a failed append of a commit into
// COORDINATOR_NOT_AVAILABLE (the append may have reached a replica), NOT_COORDINATOR,
// OFFSET_METADATA_TOO_LARGE or INVALID_COMMIT_OFFSET_SIZE.
constexpr std::array k_table{
    BrokerErrorRow{ErrorCode::unknown_server_error, "UNKNOWN_SERVER_ERROR",
                   "the broker failed and does not say why", ErrorKind::unavailable, Action::retry,
                   "the broker's log says more", Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::none, "NONE", "no error", ErrorKind::unavailable, Action::retry, k_none,
                   Fetch::fine, Commit::done},

    // Data.
    BrokerErrorRow{ErrorCode::offset_out_of_range, "OFFSET_OUT_OF_RANGE",
                   "the position is outside of the log", ErrorKind::not_found, Action::give_up,
                   "the position is no longer in the log", Fetch::out_of_range, Commit::unknown},
    BrokerErrorRow{ErrorCode::corrupt_message, "CORRUPT_MESSAGE", "the broker finds the batch corrupt",
                   ErrorKind::corrupt, Action::give_up, "check the broker's disks", Fetch::corrupt,
                   Commit::unknown},
    BrokerErrorRow{ErrorCode::unknown_topic_or_partition, "UNKNOWN_TOPIC_OR_PARTITION",
                   "the broker does not know the topic or partition", ErrorKind::not_found, Action::fatal,
                   k_advice_topic, Fetch::stop_partition, Commit::rejected},
    BrokerErrorRow{ErrorCode::invalid_fetch_size, "INVALID_FETCH_SIZE",
                   "the broker does not like the size asked for", ErrorKind::invalid_input, Action::fatal,
                   k_advice_report, Fetch::stop_partition, Commit::unknown},
    BrokerErrorRow{ErrorCode::leader_not_available, "LEADER_NOT_AVAILABLE",
                   "the partition has no leader at the moment", ErrorKind::unavailable, Action::retry, k_none,
                   Fetch::refresh_metadata, Commit::unknown},
    BrokerErrorRow{ErrorCode::not_leader_or_follower, "NOT_LEADER_OR_FOLLOWER",
                   "the broker does not lead the partition", ErrorKind::unavailable, Action::retry, k_none,
                   Fetch::refresh_metadata, Commit::unknown},
    BrokerErrorRow{ErrorCode::request_timed_out, "REQUEST_TIMED_OUT", "the broker could not do it in time",
                   ErrorKind::timed_out, Action::retry, k_none, Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::broker_not_available, "BROKER_NOT_AVAILABLE", "the broker is not available",
                   ErrorKind::unavailable, Action::retry, k_none, Fetch::refresh_metadata, Commit::unknown},
    BrokerErrorRow{ErrorCode::replica_not_available, "REPLICA_NOT_AVAILABLE",
                   "the broker has no replica of the partition", ErrorKind::unavailable, Action::retry,
                   k_none, Fetch::refresh_metadata, Commit::unknown},

    // The group.
    BrokerErrorRow{ErrorCode::offset_metadata_too_large, "OFFSET_METADATA_TOO_LARGE",
                   "the metadata of the commit is too large", ErrorKind::invalid_input, Action::give_up,
                   "shorten batch.path: a claim must fit the broker's offset metadata", Fetch::retry_later,
                   Commit::rejected},
    BrokerErrorRow{ErrorCode::network_exception, "NETWORK_EXCEPTION",
                   "the broker lost a connection of its own", ErrorKind::unavailable, Action::retry, k_none,
                   Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::coordinator_load_in_progress, "COORDINATOR_LOAD_IN_PROGRESS",
                   "the group's coordinator is loading", ErrorKind::unavailable, Action::retry, k_none,
                   Fetch::retry_later, Commit::not_done},
    BrokerErrorRow{ErrorCode::coordinator_not_available, "COORDINATOR_NOT_AVAILABLE",
                   "the group's coordinator is not available", ErrorKind::unavailable, Action::retry, k_none,
                   Fetch::retry_later, Commit::unknown},
    // Kafka also says NOT_COORDINATOR of a commit that it has appended, when the broker loses the group's log
    // before the append is replicated. To send the same commit again is right all the same. What was appended
    // lies before everything that the next coordinator accepts, so it can overwrite nothing later. At most a
    // claim can be seen earlier than its answer says.
    BrokerErrorRow{ErrorCode::not_coordinator, "NOT_COORDINATOR", "the broker does not coordinate the group",
                   ErrorKind::unavailable, Action::retry, k_none, Fetch::retry_later, Commit::not_done},
    BrokerErrorRow{ErrorCode::invalid_topic_exception, "INVALID_TOPIC_EXCEPTION",
                   "the broker finds the topic's name invalid", ErrorKind::invalid_input, Action::fatal,
                   k_advice_topic, Fetch::stop_partition, Commit::rejected},
    BrokerErrorRow{ErrorCode::illegal_generation, "ILLEGAL_GENERATION", "the group is in another generation",
                   ErrorKind::canceled, Action::give_up, k_advice_member, Fetch::retry_later,
                   Commit::refused},
    BrokerErrorRow{ErrorCode::invalid_group_id, "INVALID_GROUP_ID",
                   "the broker finds the group's name invalid", ErrorKind::invalid_input, Action::fatal,
                   "check source.group", Fetch::retry_later, Commit::rejected},
    BrokerErrorRow{ErrorCode::unknown_member_id, "UNKNOWN_MEMBER_ID", "the group has no such member",
                   ErrorKind::canceled, Action::give_up, k_advice_member, Fetch::retry_later,
                   Commit::refused},
    BrokerErrorRow{ErrorCode::rebalance_in_progress, "REBALANCE_IN_PROGRESS", "the group is rebalancing",
                   ErrorKind::canceled, Action::give_up, k_advice_member, Fetch::retry_later,
                   Commit::refused},
    BrokerErrorRow{ErrorCode::invalid_commit_offset_size, "INVALID_COMMIT_OFFSET_SIZE",
                   "the commit is too large", ErrorKind::invalid_input, Action::give_up, k_none,
                   Fetch::retry_later, Commit::rejected},

    // Rights.
    BrokerErrorRow{ErrorCode::topic_authorization_failed, "TOPIC_AUTHORIZATION_FAILED",
                   "the broker does not allow this topic", ErrorKind::forbidden, Action::fatal,
                   "give this identity the right to read and describe the topic (Azure Event Hubs Data "
                   "Receiver)",
                   Fetch::stop_partition, Commit::rejected},
    BrokerErrorRow{ErrorCode::group_authorization_failed, "GROUP_AUTHORIZATION_FAILED",
                   "the broker does not allow this group", ErrorKind::forbidden, Action::fatal,
                   "give this identity the right to use the group named in source.group",
                   Fetch::stop_partition, Commit::rejected},
    BrokerErrorRow{ErrorCode::cluster_authorization_failed, "CLUSTER_AUTHORIZATION_FAILED",
                   "the broker does not allow this", ErrorKind::forbidden, Action::fatal,
                   "give this identity the right to describe the cluster", Fetch::stop_partition,
                   Commit::rejected},
    BrokerErrorRow{ErrorCode::unsupported_sasl_mechanism, "UNSUPPORTED_SASL_MECHANISM",
                   "the broker does not have the SASL mechanism", ErrorKind::unsupported, Action::fatal,
                   "the broker does not offer this source.auth.type", Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::illegal_sasl_state, "ILLEGAL_SASL_STATE",
                   "the broker did not expect a login here", ErrorKind::unsupported, Action::fatal,
                   "check source.auth: this port may want no login", Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::unsupported_version, "UNSUPPORTED_VERSION",
                   "the broker does not have this version of the request", ErrorKind::unsupported,
                   Action::fatal, k_advice_librdkafka, Fetch::stop_partition, Commit::unknown},
    BrokerErrorRow{ErrorCode::invalid_request, "INVALID_REQUEST",
                   "the broker does not understand the request", ErrorKind::unsupported, Action::fatal,
                   k_advice_report, Fetch::stop_partition, Commit::unknown},
    BrokerErrorRow{ErrorCode::unsupported_for_message_format, "UNSUPPORTED_FOR_MESSAGE_FORMAT",
                   "the topic's old message format does not allow this", ErrorKind::unsupported,
                   Action::fatal, k_advice_librdkafka, Fetch::stop_partition, Commit::unknown},
    BrokerErrorRow{ErrorCode::kafka_storage_error, "KAFKA_STORAGE_ERROR",
                   "the broker cannot reach its log on disk", ErrorKind::unavailable, Action::retry,
                   "check the broker's disks", Fetch::refresh_metadata, Commit::unknown},
    BrokerErrorRow{ErrorCode::sasl_authentication_failed, "SASL_AUTHENTICATION_FAILED",
                   "the broker refused the login", ErrorKind::unauthenticated, Action::retry,
                   k_advice_password, Fetch::retry_later, Commit::unknown},

    // Fetch sessions, epochs.
    BrokerErrorRow{ErrorCode::group_id_not_found, "GROUP_ID_NOT_FOUND", "the broker does not know the group",
                   ErrorKind::unavailable, Action::retry, k_none, Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::fetch_session_id_not_found, "FETCH_SESSION_ID_NOT_FOUND",
                   "the broker does not know the fetch session", ErrorKind::unavailable, Action::retry,
                   k_none, Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::invalid_fetch_session_epoch, "INVALID_FETCH_SESSION_EPOCH",
                   "the broker has the fetch session at another epoch", ErrorKind::unavailable, Action::retry,
                   k_none, Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::listener_not_found, "LISTENER_NOT_FOUND",
                   "the partition's leader does not listen where this broker does", ErrorKind::unavailable,
                   Action::retry, "every broker needs this listener", Fetch::refresh_metadata,
                   Commit::unknown},
    BrokerErrorRow{ErrorCode::fenced_leader_epoch, "FENCED_LEADER_EPOCH",
                   "the partition has had a newer leader", ErrorKind::unavailable, Action::retry, k_none,
                   Fetch::refresh_metadata, Commit::unknown},
    BrokerErrorRow{ErrorCode::unknown_leader_epoch, "UNKNOWN_LEADER_EPOCH",
                   "the broker has not heard of the partition's leader yet", ErrorKind::unavailable,
                   Action::retry, k_none, Fetch::refresh_metadata, Commit::unknown},
    BrokerErrorRow{ErrorCode::unsupported_compression_type, "UNSUPPORTED_COMPRESSION_TYPE",
                   "the broker does not give this compression to this version of Fetch",
                   ErrorKind::unsupported, Action::fatal, k_advice_librdkafka, Fetch::stop_partition,
                   Commit::unknown},
    BrokerErrorRow{ErrorCode::offset_not_available, "OFFSET_NOT_AVAILABLE",
                   "the partition's new leader does not know its end yet", ErrorKind::unavailable,
                   Action::retry, k_none, Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::fenced_instance_id, "FENCED_INSTANCE_ID",
                   "another member has taken the instance id over", ErrorKind::forbidden, Action::fatal,
                   k_advice_instance, Fetch::retry_later, Commit::refused},
    BrokerErrorRow{ErrorCode::unstable_offset_commit, "UNSTABLE_OFFSET_COMMIT",
                   "a transaction is about to write the offset", ErrorKind::unavailable, Action::retry,
                   k_none, Fetch::retry_later, Commit::unknown},
    BrokerErrorRow{ErrorCode::throttling_quota_exceeded, "THROTTLING_QUOTA_EXCEEDED", "the quota is used up",
                   ErrorKind::throttled, Action::retry,
                   "the cluster asks to slow down: more throughput units or a higher quota",
                   Fetch::retry_later, Commit::unknown},

    // Topic ids. The metadata decide whether the topic is gone, or was made anew.
    BrokerErrorRow{ErrorCode::unknown_topic_id, "UNKNOWN_TOPIC_ID", "the broker knows no topic of this id",
                   ErrorKind::not_found, Action::retry, k_advice_topic, Fetch::refresh_metadata,
                   Commit::unknown},
    BrokerErrorRow{ErrorCode::inconsistent_topic_id, "INCONSISTENT_TOPIC_ID",
                   "the broker's log is of another topic of this name", ErrorKind::not_found, Action::retry,
                   k_advice_topic, Fetch::refresh_metadata, Commit::unknown},
};

const BrokerErrorRow* find(ErrorCode code) {
  const auto* row =
      std::find_if(k_table.begin(), k_table.end(), [&](const BrokerErrorRow& r) { return r.code == code; });
  return row == k_table.end() ? nullptr : row;
}

}  // namespace

std::span<const BrokerErrorRow> broker_error_table() {
  return k_table;
}

FetchOutcome fetch_outcome(ErrorCode code) {
  const BrokerErrorRow* row = find(code);
  return row != nullptr ? row->fetch : FetchOutcome::retry_later;
}

CommitOutcome commit_outcome(ErrorCode code) {
  const BrokerErrorRow* row = find(code);
  return row != nullptr ? row->commit : CommitOutcome::unknown;
}

bool is_membership_lost(ErrorCode code) {
  return code == ErrorCode::illegal_generation || code == ErrorCode::unknown_member_id ||
         code == ErrorCode::fenced_instance_id;
}

std::string broker_error_name(ErrorCode code) {
  const BrokerErrorRow* row = find(code);
  return row != nullptr ? row->name : concat("error ", static_cast<int>(code));
}

Error broker_error(ErrorCode code, std::string_view what) {
  const BrokerErrorRow* row = find(code);
  std::string message = concat(what, ": ", row != nullptr ? row->sentence : "the broker failed", " (",
                               broker_error_name(code), ")");
  if (row != nullptr && row->advice[0] != '\0') {
    message += concat("; ", row->advice);
  }
  return make_error(row != nullptr ? row->kind : ErrorKind::unavailable,
                    row != nullptr ? row->action : Action::retry, std::move(message),
                    broker_error_name(code));
}

}  // namespace penstock::wire
