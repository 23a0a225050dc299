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

// librdkafka#4895.
TEST(KafkaErrors, a_library_whose_scram_kafka_4_refuses_is_told) {
  const Error error = connection_error(
      RD_KAFKA_RESP_ERR__AUTHENTICATION, "h:9093",
      "sasl_ssl://h:9093/bootstrap: SASL authentication error: Authentication failed during authentication "
      "due "
      "to invalid credentials with SASL mechanism SCRAM-SHA-256 (after 340ms in state AUTH_REQ)");
  EXPECT_NE(error.message.find("source.auth"), std::string::npos) << error.message;
  EXPECT_EQ(error.message.find("Kafka 4") != std::string::npos, rd_kafka_version() < 0x020601ff);
  EXPECT_EQ(error.kind, ErrorKind::unauthenticated);
}

// The sentences of librdkafka 2.0.2.
TEST(KafkaErrors, what_keeps_a_connection_from_coming_about_is_told_apart) {
  struct Row {
    const char* reason;
    const char* advice;
  };
  const Row rows[] = {
      {"127.0.0.1:9092/bootstrap: Disconnected: verify that security.protocol is correctly configured, "
       "broker "
       "might require SASL authentication (after 300ms in state UP)",
       "wants a login"},
      {"h:9093/bootstrap: Disconnected while requesting ApiVersion: might be caused by incorrect "
       "security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10",
       "wants TLS"},
      {"h:9093/bootstrap: Receive failed: Invalid response size 352518912 (0..100000000): increase "
       "receive.message.max.bytes",
       "wants TLS"},
      {"h:80/bootstrap: Receive failed: Invalid response size 1213486160 (0..100000000): increase "
       "receive.message.max.bytes (after 2ms in state APIVERSION_QUERY)",
       "HTTP server"},
      {"ssl://h:80/bootstrap: SSL handshake failed: error:0A00010B:SSL routines::wrong version number",
       "does not speak TLS"},
      {"ssl://h:9092/bootstrap: SSL handshake failed: error:0A000126:SSL routines::unexpected eof while "
       "reading",
       "does not speak TLS"},
      {"h:9092/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
       "does not speak TLS"},
      {"ssl://h:9093/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: "
       "SSL "
       "alert number 42 (after 0ms in state APIVERSION_QUERY)",
       "wants a client certificate (its ssl.client.auth): write source.tls.certificate"},
      {"ssl://h:9093/bootstrap: Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate "
       "required",
       "wants a client certificate"},
      {"ssl://h:9093/bootstrap: Receive failed: error:0A000416:SSL routines::sslv3 alert certificate "
       "unknown: "
       "SSL alert number 46 (after 1ms in state APIVERSION_QUERY)",
       "does not take the certificate in source.tls.certificate"},
      {"ssl://h:9093/bootstrap: SSL handshake failed: error:0A000415:SSL routines::sslv3 alert certificate "
       "expired",
       "source.tls.certificate has expired"},
      {"h:9092/bootstrap: Connection setup timed out in state CONNECT (after 7503ms)", "drops"},
      {"h:9092/bootstrap: Connection setup timed out in state APIVERSION_QUERY", "says nothing"},
      {"h:9092/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused", "nothing listens there"},
  };
  for (const Row& row : rows) {
    for (const int code :
         {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__BAD_MSG, RD_KAFKA_RESP_ERR__SSL}) {
      const Error error = connection_error(code, "h:9092", row.reason);
      EXPECT_NE(error.message.find(row.advice), std::string::npos) << error.message;
      EXPECT_NE(error.message.find(row.reason), std::string::npos) << error.message;
      EXPECT_EQ(error.kind, ErrorKind::unavailable);
      EXPECT_EQ(error.action, Action::retry) << "a service waits for its brokers";
    }
  }
  EXPECT_NE(
      connection_error(RD_KAFKA_RESP_ERR__TRANSPORT, "h:9092", "something new").message.find("firewall"),
      std::string::npos);
}

}  // namespace
}  // namespace penstock::rdkafka
