#include "app/exit_code.h"

#include "appliance/fault_at.h"

namespace penstock::app {

ExitCode exit_code_of(const Error& error) {
  // The names of Kafka's error 82, of librdkafka's own for it, and of ours for a damaged blob.
  const bool needs_a_person =
      error.code == "FENCED_INSTANCE_ID" || error.code == "_FENCED" || error.code == "Crc64Mismatch";
  return needs_a_person || error.code == appliance::k_configuration_fault ? k_wrong_usage : k_failed;
}

}  // namespace penstock::app
