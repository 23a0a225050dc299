#include "wire/broker_errors.h"

#include <algorithm>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::wire {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Fetch = FetchOutcome;
using Commit = CommitOutcome;

struct Expected {
  std::int16_t code;
  const char* name;
  ErrorKind kind;
  Action action;
  Fetch fetch;
  Commit commit;
};

constexpr Expected k_expected[] = {
    {-1, "UNKNOWN_SERVER_ERROR", ErrorKind::unavailable, Action::retry, Fetch::retry_later, Commit::unknown},
    {0, "NONE", ErrorKind::unavailable, Action::retry, Fetch::fine, Commit::done},
    {1, "OFFSET_OUT_OF_RANGE", ErrorKind::not_found, Action::give_up, Fetch::out_of_range, Commit::unknown},
    {2, "CORRUPT_MESSAGE", ErrorKind::corrupt, Action::give_up, Fetch::corrupt, Commit::unknown},
    {3, "UNKNOWN_TOPIC_OR_PARTITION", ErrorKind::not_found, Action::fatal, Fetch::stop_partition,
     Commit::rejected},
    {4, "INVALID_FETCH_SIZE", ErrorKind::invalid_input, Action::fatal, Fetch::stop_partition,
     Commit::unknown},
    {5, "LEADER_NOT_AVAILABLE", ErrorKind::unavailable, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
    {6, "NOT_LEADER_OR_FOLLOWER", ErrorKind::unavailable, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
    {7, "REQUEST_TIMED_OUT", ErrorKind::timed_out, Action::retry, Fetch::retry_later, Commit::unknown},
    {8, "BROKER_NOT_AVAILABLE", ErrorKind::unavailable, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
    {9, "REPLICA_NOT_AVAILABLE", ErrorKind::unavailable, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
    {12, "OFFSET_METADATA_TOO_LARGE", ErrorKind::invalid_input, Action::give_up, Fetch::retry_later,
     Commit::rejected},
    {13, "NETWORK_EXCEPTION", ErrorKind::unavailable, Action::retry, Fetch::retry_later, Commit::unknown},
    {14, "COORDINATOR_LOAD_IN_PROGRESS", ErrorKind::unavailable, Action::retry, Fetch::retry_later,
     Commit::not_done},
    {15, "COORDINATOR_NOT_AVAILABLE", ErrorKind::unavailable, Action::retry, Fetch::retry_later,
     Commit::unknown},
    {16, "NOT_COORDINATOR", ErrorKind::unavailable, Action::retry, Fetch::retry_later, Commit::not_done},
    {17, "INVALID_TOPIC_EXCEPTION", ErrorKind::invalid_input, Action::fatal, Fetch::stop_partition,
     Commit::rejected},
    {22, "ILLEGAL_GENERATION", ErrorKind::canceled, Action::give_up, Fetch::retry_later, Commit::refused},
    {24, "INVALID_GROUP_ID", ErrorKind::invalid_input, Action::fatal, Fetch::retry_later, Commit::rejected},
    {25, "UNKNOWN_MEMBER_ID", ErrorKind::canceled, Action::give_up, Fetch::retry_later, Commit::refused},
    {27, "REBALANCE_IN_PROGRESS", ErrorKind::canceled, Action::give_up, Fetch::retry_later, Commit::refused},
    {28, "INVALID_COMMIT_OFFSET_SIZE", ErrorKind::invalid_input, Action::give_up, Fetch::retry_later,
     Commit::rejected},
    {29, "TOPIC_AUTHORIZATION_FAILED", ErrorKind::forbidden, Action::fatal, Fetch::stop_partition,
     Commit::rejected},
    {30, "GROUP_AUTHORIZATION_FAILED", ErrorKind::forbidden, Action::fatal, Fetch::stop_partition,
     Commit::rejected},
    {31, "CLUSTER_AUTHORIZATION_FAILED", ErrorKind::forbidden, Action::fatal, Fetch::stop_partition,
     Commit::rejected},
    {33, "UNSUPPORTED_SASL_MECHANISM", ErrorKind::unsupported, Action::fatal, Fetch::retry_later,
     Commit::unknown},
    {34, "ILLEGAL_SASL_STATE", ErrorKind::unsupported, Action::fatal, Fetch::retry_later, Commit::unknown},
    {35, "UNSUPPORTED_VERSION", ErrorKind::unsupported, Action::fatal, Fetch::stop_partition,
     Commit::unknown},
    {42, "INVALID_REQUEST", ErrorKind::unsupported, Action::fatal, Fetch::stop_partition, Commit::unknown},
    {43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", ErrorKind::unsupported, Action::fatal, Fetch::stop_partition,
     Commit::unknown},
    {56, "KAFKA_STORAGE_ERROR", ErrorKind::unavailable, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
    {58, "SASL_AUTHENTICATION_FAILED", ErrorKind::unauthenticated, Action::retry, Fetch::retry_later,
     Commit::unknown},
    {69, "GROUP_ID_NOT_FOUND", ErrorKind::unavailable, Action::retry, Fetch::retry_later, Commit::unknown},
    {70, "FETCH_SESSION_ID_NOT_FOUND", ErrorKind::unavailable, Action::retry, Fetch::retry_later,
     Commit::unknown},
    {71, "INVALID_FETCH_SESSION_EPOCH", ErrorKind::unavailable, Action::retry, Fetch::retry_later,
     Commit::unknown},
    {72, "LISTENER_NOT_FOUND", ErrorKind::unavailable, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
    {74, "FENCED_LEADER_EPOCH", ErrorKind::unavailable, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
    {75, "UNKNOWN_LEADER_EPOCH", ErrorKind::unavailable, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
    {76, "UNSUPPORTED_COMPRESSION_TYPE", ErrorKind::unsupported, Action::fatal, Fetch::stop_partition,
     Commit::unknown},
    {78, "OFFSET_NOT_AVAILABLE", ErrorKind::unavailable, Action::retry, Fetch::retry_later, Commit::unknown},
    {82, "FENCED_INSTANCE_ID", ErrorKind::forbidden, Action::fatal, Fetch::retry_later, Commit::refused},
    {88, "UNSTABLE_OFFSET_COMMIT", ErrorKind::unavailable, Action::retry, Fetch::retry_later,
     Commit::unknown},
    {89, "THROTTLING_QUOTA_EXCEEDED", ErrorKind::throttled, Action::retry, Fetch::retry_later,
     Commit::unknown},
    {100, "UNKNOWN_TOPIC_ID", ErrorKind::not_found, Action::retry, Fetch::refresh_metadata, Commit::unknown},
    {103, "INCONSISTENT_TOPIC_ID", ErrorKind::not_found, Action::retry, Fetch::refresh_metadata,
     Commit::unknown},
};

TEST(BrokerErrors, every_row) {
  ASSERT_EQ(broker_error_table().size(), std::size(k_expected)) << "a row without its line here";
  for (const Expected& row : k_expected) {
    SCOPED_TRACE(row.name);
    const ErrorCode code{row.code};
    EXPECT_EQ(fetch_outcome(code), row.fetch);
    EXPECT_EQ(commit_outcome(code), row.commit);
    EXPECT_EQ(broker_error_name(code), row.name);
    const Error error = broker_error(code, "doing");
    EXPECT_EQ(error.kind, row.kind);
    EXPECT_EQ(error.action, row.action);
    EXPECT_EQ(error.code, row.name);
    EXPECT_THAT(error.message, AllOf(StartsWith("doing: "), HasSubstr(std::string("(") + row.name + ")")));
  }
}

TEST(BrokerErrors, rows_ascend_and_say_something) {
  const auto rows = broker_error_table();
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(),
                             [](const auto& a, const auto& b) { return a.code <= b.code; }));
  for (const BrokerErrorRow& row : rows) {
    EXPECT_STRNE(row.sentence, "") << row.name;
  }
}

// PROTOCOL.md, Publish, Claim: its lists, and nothing but them.
TEST(BrokerErrors, only_the_protocol_s_codes_decide_a_commit) {
  const std::set<int> refused = {22, 25, 27, 82};
  const std::set<int> rejected = {3, 12, 17, 24, 28, 29, 30, 31};
  const std::set<int> not_done = {14, 16};
  for (std::int16_t code = -2; code <= 200; ++code) {
    const CommitOutcome expected = code == 0                 ? Commit::done
                                   : refused.contains(code)  ? Commit::refused
                                   : rejected.contains(code) ? Commit::rejected
                                   : not_done.contains(code) ? Commit::not_done
                                                             : Commit::unknown;
    EXPECT_EQ(commit_outcome(ErrorCode{code}), expected) << code;
  }
}

TEST(BrokerErrors, membership_is_lost_with_the_stamp_and_not_with_a_rebalance) {
  const std::set<int> lost = {22, 25, 82};
  for (std::int16_t code = -2; code <= 200; ++code) {
    EXPECT_EQ(is_membership_lost(ErrorCode{code}), lost.contains(code)) << code;
  }
}

TEST(BrokerErrors, a_code_without_a_row_is_a_passing_fault) {
  const Error error = broker_error(ErrorCode{1234}, "doing");
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_EQ(error.action, Action::retry);
  EXPECT_EQ(error.message, "doing: the broker failed (error 1234)");
  EXPECT_EQ(fetch_outcome(ErrorCode{1234}), Fetch::retry_later);
  EXPECT_EQ(commit_outcome(ErrorCode{1234}), Commit::unknown);
}

}  // namespace
}  // namespace penstock::wire
