#include "obs/worker_metrics.h"

namespace penstock::obs {

std::string_view to_string(SealReason reason) {
  switch (reason) {
    case SealReason::age:
      return "age";
    case SealReason::size:
      return "size";
    case SealReason::columns:
      return "columns";
    case SealReason::revoke:
      return "revoke";
    case SealReason::drain:
      return "drain";
    case SealReason::memory:
      return "memory";
  }
  return "unknown";
}

std::string_view code_of(const Error& error) {
  return error.code.empty() ? std::string_view(to_string(error.kind)) : std::string_view(error.code);
}

std::string_view to_string(CommitPurpose purpose) {
  switch (purpose) {
    case CommitPurpose::claim:
      return "claim";
    case CommitPurpose::finish:
      return "finish";
    case CommitPurpose::start_position:
      return "start_position";
  }
  return "unknown";
}

std::string_view to_string(NoAge reason) {
  switch (reason) {
    case NoAge::recovered:
      return "recovered";
    case NoAge::undated:
      return "undated";
    case NoAge::future:
      return "future";
  }
  return "unknown";
}

// The kinds that a storage account answers with by design have a name of their own; the rest is for the log.
RetryReason retry_reason(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::throttled:
      return RetryReason::throttled;
    case ErrorKind::unavailable:
      return RetryReason::unavailable;
    case ErrorKind::timed_out:
      return RetryReason::timed_out;
    case ErrorKind::unauthenticated:
      return RetryReason::unauthenticated;
    case ErrorKind::forbidden:
      return RetryReason::forbidden;
    case ErrorKind::not_found:
      return RetryReason::not_found;
    case ErrorKind::corrupt:
      return RetryReason::corrupt;
    case ErrorKind::invalid_input:
    case ErrorKind::already_exists:
    case ErrorKind::invalid_block_list:
    case ErrorKind::no_space:
    case ErrorKind::io:
    case ErrorKind::unsupported:
    case ErrorKind::canceled:
      return RetryReason::other;
  }
  return RetryReason::other;
}

std::string_view to_string(RetryReason reason) {
  switch (reason) {
    case RetryReason::throttled:
      return "throttled";
    case RetryReason::unavailable:
      return "unavailable";
    case RetryReason::timed_out:
      return "timed_out";
    case RetryReason::unauthenticated:
      return "unauthenticated";
    case RetryReason::forbidden:
      return "forbidden";
    case RetryReason::not_found:
      return "not_found";
    case RetryReason::corrupt:
      return "corrupt";
    case RetryReason::other:
      return "other";
  }
  return "unknown";
}

std::string_view to_string(IoBackend backend) {
  switch (backend) {
    case IoBackend::unknown:
      return "unknown";
    case IoBackend::io_uring:
      return "io_uring";
    case IoBackend::portable:
      return "portable";
    case IoBackend::simulated:
      return "simulated";
  }
  return "unknown";
}

}  // namespace penstock::obs
