#include "rdkafka/kafka_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

namespace penstock::rdkafka {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(KafkaErrors, translates_codes_to_what_the_caller_should_do) {
  const struct {
    rd_kafka_resp_err_t code;
    ErrorKind kind;
    Action action;
  } rows[] = {
      {RD_KAFKA_RESP_ERR__TRANSPORT, ErrorKind::unavailable, Action::retry},
      {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ErrorKind::unavailable, Action::retry},
      {RD_KAFKA_RESP_ERR__RESOLVE, ErrorKind::unavailable, Action::retry},
      {RD_KAFKA_RESP_ERR__TIMED_OUT, ErrorKind::timed_out, Action::retry},
      {RD_KAFKA_RESP_ERR__AUTHENTICATION, ErrorKind::unauthenticated, Action::retry},
      {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ErrorKind::unauthenticated, Action::retry},
      {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ErrorKind::forbidden, Action::fatal},
      {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ErrorKind::forbidden, Action::fatal},
      {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ErrorKind::not_found, Action::fatal},
      {RD_KAFKA_RESP_ERR__BAD_MSG, ErrorKind::corrupt, Action::give_up},
      {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, ErrorKind::not_found, Action::give_up},
      {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, ErrorKind::canceled, Action::give_up},
      {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, ErrorKind::canceled, Action::give_up},
      {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ErrorKind::canceled, Action::give_up},
      {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, ErrorKind::unavailable, Action::retry},
      {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ErrorKind::unavailable, Action::retry},
      {RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, ErrorKind::invalid_input, Action::give_up},
      {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, ErrorKind::forbidden, Action::fatal},
      {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, ErrorKind::unavailable, Action::retry},  // has no row
  };
  for (const auto& row : rows) {
    const Error error = kafka_error(row.code, "doing");
    EXPECT_EQ(error.kind, row.kind) << error.message;
    EXPECT_EQ(error.action, row.action) << error.message;
    EXPECT_THAT(error.message, StartsWith("doing: "));
    EXPECT_THAT(error.message, HasSubstr(error.code));
  }
}

TEST(KafkaErrors, a_fenced_member_is_told_of_the_other_process) {
  EXPECT_THAT(kafka_error(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "x").message,
              HasSubstr("another process has the same source.instance"));
}

TEST(KafkaErrors, tells_lost_positions_and_corrupt_batches_from_the_rest) {
  EXPECT_TRUE(is_data_loss(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET));
  EXPECT_TRUE(is_data_loss(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE));
  EXPECT_FALSE(is_data_loss(RD_KAFKA_RESP_ERR__TRANSPORT));
  EXPECT_TRUE(is_corrupt_batch(RD_KAFKA_RESP_ERR__BAD_MSG));
  EXPECT_FALSE(is_corrupt_batch(RD_KAFKA_RESP_ERR__PARTITION_EOF));
}

}  // namespace
}  // namespace penstock::rdkafka
