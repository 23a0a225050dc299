#include "obs/exposition.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::obs {
namespace {

using testing::HasSubstr;

TEST(Exposition, writes_help_and_type_once_and_then_the_samples) {
  Exposition page;
  page.family("penstock_records_total", "Records.", MetricType::counter);
  page.sample({{"worker", "0"}}, std::uint64_t{18446744073709551615ULL});
  page.sample({{"worker", "1"}, {"reason", "age"}}, std::uint64_t{0});
  page.family("penstock_lag_seconds", "Lag.", MetricType::gauge);
  page.sample({}, 0.5);
  EXPECT_EQ(page.text(),
            "# HELP penstock_records_total Records.\n"
            "# TYPE penstock_records_total counter\n"
            "penstock_records_total{worker=\"0\"} 18446744073709551615\n"
            "penstock_records_total{worker=\"1\",reason=\"age\"} 0\n"
            "# HELP penstock_lag_seconds Lag.\n"
            "# TYPE penstock_lag_seconds gauge\n"
            "penstock_lag_seconds 0.5\n");
}

TEST(Exposition, a_family_without_samples_leaves_no_trace) {
  Exposition page;
  page.family("penstock_absent", "Nothing.", MetricType::gauge);
  EXPECT_EQ(page.text(), "");
}

TEST(Exposition, escapes_label_values_and_help) {
  Exposition page;
  page.family("penstock_x", "a\\b\n\"c\"", MetricType::gauge);
  page.sample({{"topic", "a\"b\\c\nd"}}, std::int64_t{-1});
  EXPECT_EQ(page.text(),
            "# HELP penstock_x a\\\\b\\n\"c\"\n"
            "# TYPE penstock_x gauge\n"
            "penstock_x{topic=\"a\\\"b\\\\c\\nd\"} -1\n");
}

TEST(Exposition, writes_what_is_not_a_number_as_prometheus_reads_it) {
  Exposition page;
  page.family("penstock_x", "X.", MetricType::gauge);
  page.sample({{"n", "0"}}, std::numeric_limits<double>::infinity());
  page.sample({{"n", "1"}}, -std::numeric_limits<double>::infinity());
  page.sample({{"n", "2"}}, std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(page.text(), HasSubstr("{n=\"0\"} +Inf\n"));
  EXPECT_THAT(page.text(), HasSubstr("{n=\"1\"} -Inf\n"));
  EXPECT_THAT(page.text(), HasSubstr("{n=\"2\"} NaN\n"));
}

TEST(Exposition, histogram_buckets_are_cumulative_and_end_in_the_count) {
  Histogram histogram;
  histogram.observe(0.0005);
  histogram.observe(0.25);
  histogram.observe(0.25);
  histogram.observe(1000);
  Exposition page;
  page.family("penstock_upload_seconds", "Uploads.", MetricType::histogram);
  page.histogram({{"worker", "0"}}, histogram);
  EXPECT_THAT(page.text(), HasSubstr("penstock_upload_seconds_bucket{worker=\"0\",le=\"0.001\"} 1\n"));
  EXPECT_THAT(page.text(), HasSubstr("penstock_upload_seconds_bucket{worker=\"0\",le=\"0.1\"} 1\n"));
  EXPECT_THAT(page.text(), HasSubstr("penstock_upload_seconds_bucket{worker=\"0\",le=\"0.25\"} 3\n"));
  EXPECT_THAT(page.text(), HasSubstr("penstock_upload_seconds_bucket{worker=\"0\",le=\"600\"} 3\n"));
  EXPECT_THAT(page.text(), HasSubstr("penstock_upload_seconds_bucket{worker=\"0\",le=\"+Inf\"} 4\n"));
  EXPECT_THAT(page.text(), HasSubstr("penstock_upload_seconds_sum{worker=\"0\"} 1000.5005\n"));
  EXPECT_THAT(page.text(), HasSubstr("penstock_upload_seconds_count{worker=\"0\"} 4\n"));
}

TEST(ExpositionDeath, bad_names_are_bugs) {
  Exposition page;
  EXPECT_DEATH(page.family("", "Help.", MetricType::gauge), "is_name");
  EXPECT_DEATH(page.family("penstock-lag", "Help.", MetricType::gauge), "is_name");
  EXPECT_DEATH(page.family("9lives", "Help.", MetricType::gauge), "is_name");
  EXPECT_DEATH(page.family("penstock_lag", "", MetricType::gauge), "help");
  EXPECT_DEATH(page.family("penstock_records", "Help.", MetricType::counter), "_total");
  EXPECT_DEATH(page.family("penstock_records_total", "Help.", MetricType::gauge), "_total");
  EXPECT_DEATH(page.sample({}, std::uint64_t{1}), "name_");
  page.family("penstock_lag", "Help.", MetricType::gauge);
  EXPECT_DEATH(page.family("penstock_lag", "Help.", MetricType::gauge), "new_here");
  EXPECT_DEATH(page.sample({{"le", "1"}}, 1.0), "is_label_name");
  EXPECT_DEATH(page.sample({{"__name", "1"}}, 1.0), "is_label_name");
  EXPECT_DEATH(page.sample({{"top-ic", "1"}}, 1.0), "is_label_name");
}

}  // namespace
}  // namespace penstock::obs
