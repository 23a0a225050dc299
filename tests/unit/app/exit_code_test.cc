#include "app/exit_code.h"

#include <gtest/gtest.h>

#include "appliance/fault_at.h"
#include "rdkafka/kafka_errors.h"

namespace penstock::app {
namespace {

// Exit 2 is what the systemd unit does not restart after: two copies would fence each other for ever.
TEST(ExitCodeTest, who_was_fenced_by_another_process_is_not_restarted) {
  constexpr int k_fenced_instance_id = 82;
  constexpr int k_fenced = -144;  // RD_KAFKA_RESP_ERR__FENCED
  EXPECT_EQ(exit_code_of(rdkafka::kafka_error(k_fenced_instance_id, "group")), k_wrong_usage);
  EXPECT_EQ(exit_code_of(rdkafka::kafka_error(k_fenced, "group")), k_wrong_usage);
  EXPECT_EQ(exit_code_of(make_error(ErrorKind::forbidden, Action::fatal, "no right")), k_failed);
}

// The next start would find the blob by its metadata, and go on behind it.
TEST(ExitCodeTest, nobody_starts_again_over_a_damaged_blob_before_it_is_deleted) {
  EXPECT_EQ(exit_code_of(make_error(ErrorKind::corrupt, Action::fatal, "visible", "Crc64Mismatch")),
            k_wrong_usage);
  EXPECT_EQ(exit_code_of(make_error(ErrorKind::corrupt, Action::fatal, "a disk alters")), k_failed);
}

TEST(ExitCodeTest, a_fault_of_the_configuration_is_wrong_usage) {
  const config::Settings settings;
  EXPECT_EQ(exit_code_of(appliance::fault_at(settings, "runtime.memory", "is too much")), k_wrong_usage);
  EXPECT_EQ(exit_code_of(make_error(ErrorKind::invalid_input, Action::fatal, "not a directory")), k_failed);
}

}  // namespace
}  // namespace penstock::app
