#include "app/summary.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

Summary example() {
  Summary summary;
  summary.counters.records = 1'000'000;
  summary.counters.record_bytes = 1'024'000'000;
  summary.counters.records_received = 1'500'003;
  summary.counters.record_bytes_received = 1'536'000'000;
  summary.counters.records_skipped = 3;
  summary.counters.blobs = 12;
  summary.counters.blob_bytes = 1'025'000'000;
  summary.counters.retries = 4;
  summary.counters.topics = {{.topic = "a\"b", .records = 999'999, .bytes = 1'023'000'000, .blobs = 11},
                             {.topic = "c", .records = 1, .bytes = 1'000'000, .blobs = 1}};
  summary.seconds = 3.04;
  summary.cpu_seconds = 0.512;
  summary.peak_rss_bytes = std::uint64_t{40} << 20;
  return summary;
}

TEST(Summary, groups_digits_by_three) {
  for (const auto& [number, text] : {std::pair<std::uint64_t, std::string>{0, "0"},
                                     {999, "999"},
                                     {1000, "1,000"},
                                     {12345, "12,345"},
                                     {123456, "123,456"},
                                     {1234567, "1,234,567"},
                                     {UINT64_MAX, "18,446,744,073,709,551,615"}}) {
    EXPECT_EQ(grouped(number), text);
  }
}

TEST(Summary, the_line_counts_what_landed) {
  EXPECT_EQ(
      summary_line(example()),
      "landed 1,000,000 records (1024.0 MB) in 12 files in 3.0 s; 0.51 s of CPU, 40 MiB at most; skipped 3 "
      "records without a value");
  Summary with_junk = example();
  with_junk.counters.records_skipped = 0;
  with_junk.counters.records_quarantined = 1234;
  EXPECT_TRUE(summary_line(with_junk).ends_with("40 MiB at most; 1,234 records in quarantine"))
      << summary_line(with_junk);
  EXPECT_EQ(summary_line(Summary{}),
            "landed 0 records (0.0 MB) in 0 files in 0.0 s; 0.00 s of CPU, 0 MiB at most");
}

TEST(Summary, the_object_has_every_total_and_every_topic) {
  EXPECT_EQ(summary_json(example()),
            R"({"records":1000000,"skipped_records":3,"quarantined_records":0,)"
            R"("bytes":1024000000,"blobs":12,"blob_bytes":1025000000,)"
            R"("retries":4,"seconds":3.040,"cpu_seconds":0.512,"peak_rss_bytes":41943040,"topics":[)"
            R"({"topic":"a\"b","records":999999,"bytes":1023000000,"blobs":11},)"
            R"({"topic":"c","records":1,"bytes":1000000,"blobs":1}]})");
}

}  // namespace
}  // namespace penstock::app
