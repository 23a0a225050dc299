#include "obs/worker_metrics.h"

#include <cstddef>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace penstock::obs {
namespace {

TEST(WorkerMetrics, every_reason_has_a_name_of_its_own) {
  std::set<std::string_view> seals;
  for (std::size_t i = 0; i < k_seal_reasons; ++i) {
    seals.insert(to_string(static_cast<SealReason>(i)));
  }
  EXPECT_EQ(seals, (std::set<std::string_view>{"age", "size", "columns", "revoke", "drain", "memory"}));
  std::set<std::string_view> retries;
  for (std::size_t i = 0; i < k_retry_reasons; ++i) {
    retries.insert(to_string(static_cast<RetryReason>(i)));
  }
  EXPECT_EQ(retries, (std::set<std::string_view>{"throttled", "unavailable", "timed_out", "unauthenticated",
                                                 "forbidden", "not_found", "corrupt", "other"}));
}

TEST(WorkerMetrics, every_purpose_and_every_want_of_an_age_has_a_name_of_its_own) {
  std::set<std::string_view> purposes;
  for (std::size_t i = 0; i < k_commit_purposes; ++i) {
    purposes.insert(to_string(static_cast<CommitPurpose>(i)));
  }
  EXPECT_EQ(purposes, (std::set<std::string_view>{"claim", "finish", "start_position"}));
  std::set<std::string_view> reasons;
  for (std::size_t i = 0; i < k_no_ages; ++i) {
    reasons.insert(to_string(static_cast<NoAge>(i)));
  }
  EXPECT_EQ(reasons, (std::set<std::string_view>{"recovered", "undated", "future"}));
}

TEST(WorkerMetrics, an_error_has_the_code_of_others_or_the_name_of_its_kind) {
  EXPECT_EQ(code_of(make_error(ErrorKind::throttled, Action::retry, "", "503 ServerBusy")), "503 ServerBusy");
  EXPECT_EQ(code_of(make_error(ErrorKind::corrupt, Action::retry, "")), "corrupt");
}

TEST(WorkerMetrics, errors_count_under_their_kind_and_rare_ones_under_other) {
  EXPECT_EQ(retry_reason(ErrorKind::throttled), RetryReason::throttled);
  EXPECT_EQ(retry_reason(ErrorKind::unavailable), RetryReason::unavailable);
  EXPECT_EQ(retry_reason(ErrorKind::timed_out), RetryReason::timed_out);
  EXPECT_EQ(retry_reason(ErrorKind::unauthenticated), RetryReason::unauthenticated);
  EXPECT_EQ(retry_reason(ErrorKind::forbidden), RetryReason::forbidden);
  EXPECT_EQ(retry_reason(ErrorKind::not_found), RetryReason::not_found);
  EXPECT_EQ(retry_reason(ErrorKind::invalid_block_list), RetryReason::other);
  EXPECT_EQ(retry_reason(ErrorKind::corrupt), RetryReason::corrupt);
}

TEST(Histogram, a_value_on_a_bound_counts_below_it) {
  Histogram histogram;
  histogram.observe(0.001);
  histogram.observe(-1);  // a clock that jumped
  histogram.observe(600.5);
  EXPECT_EQ(histogram.bucket_count(0), 2U);
  EXPECT_EQ(histogram.bucket_count(16), 1U);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_NEAR(histogram.sum_seconds(), 600.501, 1e-6);
}

}  // namespace
}  // namespace penstock::obs
