#include "obs/render.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/concat.h"

namespace penstock::obs {
namespace {

using testing::HasSubstr;
using testing::Not;

ProcessInfo process() {
  return {.version = "1.2.3",
          .name = "api-gateway",
          .start_time = WallTime(std::chrono::seconds(1769817600)),
          .ready = true,
          .usage = {1.5, 4096, 8192, 12, 1024}};
}

TEST(Render, tokens_are_shown_by_side_and_audience_and_nothing_without_them) {
  ProcessInfo info = process();
  EXPECT_EQ(render({}, info).find("penstock_token"), std::string::npos);
  info.tokens = {{.side = "source",
                  .audience = "https://contoso.servicebus.windows.net",
                  .expires = WallTime(std::chrono::seconds(1769821200)),
                  .renewals = 3,
                  .failures = 1},
                 {.side = "sink", .audience = "https://storage.azure.com", .expires = {}, .failures = 2}};
  const std::string page = render({}, info);
  const std::string source = R"({side="source",audience="https://contoso.servicebus.windows.net"})";
  const std::string sink = R"({side="sink",audience="https://storage.azure.com"})";
  EXPECT_THAT(page, HasSubstr("penstock_token_expiry_timestamp_seconds" + source + " 1769821200"));
  EXPECT_THAT(page, Not(HasSubstr("penstock_token_expiry_timestamp_seconds" + sink))) << "there is none yet";
  EXPECT_THAT(page, HasSubstr("penstock_token_renewals_total" + source + " 3\n"));
  EXPECT_THAT(page, HasSubstr("penstock_token_failures_total" + sink + " 2\n"));
}

void set_rows(WorkerMetrics& worker, std::vector<PartitionRow> rows) {
  worker.partitions.exchange(rows);
}

std::string page_of(const WorkerMetrics& worker) {
  const WorkerMetrics* const workers[] = {&worker};
  return render(workers, process());
}

TEST(Render, shows_the_process) {
  const std::string page = render({}, process());
  EXPECT_THAT(page, HasSubstr("penstock_build_info{version=\"1.2.3\",name=\"api-gateway\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("process_resident_memory_bytes 4096\n"));
  EXPECT_THAT(page, HasSubstr("penstock_peak_resident_memory_bytes 8192\n"));
  EXPECT_THAT(page, HasSubstr("process_cpu_seconds_total 1.5\n"));
  EXPECT_THAT(page, HasSubstr("process_start_time_seconds 1769817600\n"));
  EXPECT_THAT(page, HasSubstr("process_open_fds 12\n"));
}

TEST(Render, shows_whether_the_process_is_ready) {
  ProcessInfo info = process();
  EXPECT_THAT(render({}, info), HasSubstr("penstock_ready 1\n"));
  info.ready = false;
  EXPECT_THAT(render({}, info), HasSubstr("penstock_ready 0\n"));
}

TEST(Render, shows_each_workers_numbers_under_its_label) {
  WorkerMetrics first(0);
  WorkerMetrics second(1);
  first.records_received.add(10);
  second.records_received.add(20);
  second.batches_sealed[SealReason::size].add(3);
  second.retries[RetryReason::throttled].add(4);
  second.stage_full_ns.add(1'500'000'000);
  second.io_backend = IoBackend::io_uring;
  second.slabs_free.set(5);
  second.produced_to_durable.observe(61);
  const WorkerMetrics* const workers[] = {&first, &second};
  const std::string page = render(workers, process());
  EXPECT_THAT(page, HasSubstr("penstock_records_received_total{worker=\"0\"} 10\n"));
  EXPECT_THAT(page, HasSubstr("penstock_records_received_total{worker=\"1\"} 20\n"));
  EXPECT_THAT(page, HasSubstr("penstock_batches_sealed_total{worker=\"1\",reason=\"size\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("penstock_put_retries_total{worker=\"1\",reason=\"throttled\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("penstock_stage_full_seconds_total{worker=\"1\"} 1.5\n"));
  EXPECT_THAT(page, HasSubstr("penstock_io_backend{worker=\"1\",backend=\"io_uring\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("penstock_slabs_free{worker=\"1\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("penstock_produced_to_durable_seconds_count{worker=\"1\"} 1\n"));
}

TEST(Render, sums_a_topic_over_the_workers) {
  WorkerMetrics first(0);
  WorkerMetrics second(1);
  first.topics.of("api").records.add(1);
  second.topics.of("api").records.add(2);
  second.topics.of("pay").blobs.add(9);
  first.topics.of("api").quarantined[QuarantineReason::not_json].add(3);
  second.topics.of("api").quarantined[QuarantineReason::not_json].add(4);
  second.topics.of("api").quarantined[QuarantineReason::too_large].add(5);
  const WorkerMetrics* const workers[] = {&first, &second};
  const std::string page = render(workers, process());
  EXPECT_THAT(page, HasSubstr("penstock_topic_records_total{topic=\"api\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("penstock_topic_blobs_total{topic=\"pay\"} 9\n"));
  EXPECT_THAT(page, HasSubstr("penstock_quarantined_records_total{topic=\"api\",reason=\"not-json\"} 7\n"
                              "penstock_quarantined_records_total{topic=\"api\",reason=\"too-large\"} 5\n"
                              "penstock_quarantined_records_total{topic=\"pay\",reason=\"not-json\"} 0\n"));
}

TEST(Render, lag_is_what_is_not_published_yet) {
  WorkerMetrics worker(0);
  set_rows(worker, {{{"api", Partition{7}}, Position{90}, Position{100}, Position{60}}});
  const std::string page = page_of(worker);
  EXPECT_THAT(page, HasSubstr("penstock_partition_lag_records{topic=\"api\",partition=\"7\"} 40\n"));
  EXPECT_THAT(page, HasSubstr("penstock_partition_position_offset{topic=\"api\",partition=\"7\"} 90\n"));
  EXPECT_THAT(page, HasSubstr("penstock_partition_committed_offset{topic=\"api\",partition=\"7\"} 60\n"));
  EXPECT_THAT(page, HasSubstr("penstock_partition_end_offset{topic=\"api\",partition=\"7\"} 100\n"));
}

TEST(Render, a_topic_has_landed_until_the_earliest_of_its_partitions) {
  const auto row = [](const char* topic, std::int32_t partition, std::int64_t until_ms) {
    PartitionRow out{{topic, Partition{partition}}, Position{9}, Position{9}, Position{9}};
    out.landed_until_ms = until_ms;
    return out;
  };
  WorkerMetrics worker(0);
  WorkerMetrics other(1);
  set_rows(worker, {row("api", 0, 1769817600500), row("half", 0, 1769817600000)});
  set_rows(other, {row("api", 1, 1769817590250), row("half", 1, -1)});
  const WorkerMetrics* const workers[] = {&worker, &other};
  const std::string page = render(workers, process());
  EXPECT_THAT(page, HasSubstr("penstock_landed_until_seconds{topic=\"api\"} 1769817590.25\n"));
  EXPECT_THAT(page, Not(HasSubstr("penstock_landed_until_seconds{topic=\"half\"}")))
      << "of one partition it is not known";
}

TEST(Render, lag_in_seconds_is_by_partition_and_the_largest_by_topic) {
  WorkerMetrics worker(0);
  set_rows(worker, {{{"api", Partition{0}}, Position{90}, Position{100}, Position{60}, 1500},
                    {{"api", Partition{1}}, Position{90}, Position{100}, Position{90}, 12'000},
                    {{"api", Partition{2}}, Position{9}, Position{-1}, Position{9}},
                    {{"idle", Partition{0}}, Position{9}, Position{9}, Position{9}, 0},
                    {{"new", Partition{0}}, Position{9}, Position{-1}, Position{9}}});
  const std::string page = page_of(worker);
  EXPECT_THAT(page, HasSubstr("penstock_partition_lag_seconds{topic=\"api\",partition=\"0\"} 1.5\n"));
  EXPECT_THAT(page, HasSubstr("penstock_partition_lag_seconds{topic=\"api\",partition=\"1\"} 12\n"));
  EXPECT_THAT(page, Not(HasSubstr("penstock_partition_lag_seconds{topic=\"api\",partition=\"2\"}")));
  EXPECT_THAT(page, HasSubstr("penstock_topic_lag_seconds{topic=\"api\"} 12\n"));
  EXPECT_THAT(page, HasSubstr("penstock_topic_lag_records{topic=\"api\"} 50\n"));
  EXPECT_THAT(page, HasSubstr("penstock_topic_lag_records_max{topic=\"api\"} 40\n"));
  EXPECT_THAT(page, HasSubstr("penstock_topic_lag_seconds{topic=\"idle\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("penstock_topic_lag_records{topic=\"idle\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("{topic=\"new\"}"))) << "nothing of it is known";
}

TEST(Render, of_too_many_partitions_only_the_topics_are_left) {
  WorkerMetrics worker(0);
  set_rows(worker, {{{"api", Partition{0}}, Position{90}, Position{100}, Position{60}, 1500},
                    {{"api", Partition{1}}, Position{90}, Position{100}, Position{90}, 12'000}});
  const WorkerMetrics* const workers[] = {&worker};
  EXPECT_THAT(render(workers, process(), 2), HasSubstr("penstock_partition_series_left_out 0\n"));
  const std::string page = render(workers, process(), 1);
  EXPECT_THAT(page, HasSubstr("penstock_partition_series_left_out 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("partition=\"")));
  EXPECT_THAT(page, HasSubstr("penstock_topic_lag_seconds{topic=\"api\"} 12\n"));
  EXPECT_THAT(page, HasSubstr("penstock_topic_lag_records{topic=\"api\"} 50\n"));
}

TEST(Render, commits_are_timed_by_what_they_were_made_for) {
  WorkerMetrics worker(0);
  worker.commit_latency[CommitPurpose::claim].observe(0.02);
  worker.store_errors.count("503 ServerBusy");
  worker.without_age[NoAge::future].add(2);
  const std::string page = page_of(worker);
  EXPECT_THAT(page, HasSubstr("penstock_commit_seconds_count{worker=\"0\",kind=\"claim\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("penstock_commit_seconds_count{worker=\"0\",kind=\"finish\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("penstock_store_errors_total{worker=\"0\",code=\"503 ServerBusy\"} 1\n"));
  EXPECT_THAT(page,
              HasSubstr("penstock_produced_to_durable_excluded_total{worker=\"0\",reason=\"future\"} 2\n"));
}

TEST(Render, a_worker_that_hangs_has_the_age_of_its_heartbeat_and_no_lag) {
  WorkerMetrics hangs(0);
  WorkerMetrics goes_on(1);
  WorkerMetrics has_ended(2);
  set_rows(hangs, {{{"api", Partition{0}}, Position{90}, Position{90}, Position{90}}});
  set_rows(goes_on, {{{"api", Partition{1}}, Position{90}, Position{100}, Position{60}}});
  set_rows(has_ended, {{{"api", Partition{2}}, Position{7}, Position{7}, Position{7}}});
  hangs.heartbeat.beat(std::chrono::steady_clock::now() - std::chrono::seconds(100));
  goes_on.heartbeat.beat();
  const WorkerMetrics* const workers[] = {&hangs, &goes_on, &has_ended};
  const std::string page = render(workers, process());
  EXPECT_THAT(page, HasSubstr("\npenstock_worker_heartbeat_seconds{worker=\"0\"} 10"));
  EXPECT_THAT(page, HasSubstr("\npenstock_worker_heartbeat_seconds{worker=\"1\"} "));
  EXPECT_THAT(page, Not(HasSubstr("penstock_worker_heartbeat_seconds{worker=\"2\"}")));
  EXPECT_THAT(page, Not(HasSubstr("partition=\"0\"")));
  EXPECT_THAT(page, HasSubstr("penstock_partition_lag_records{topic=\"api\",partition=\"1\"} 40\n"));
  EXPECT_THAT(page, HasSubstr("penstock_partition_lag_records{topic=\"api\",partition=\"2\"} 0\n"));
}

TEST(Render, an_end_that_is_not_known_is_left_out_and_an_old_one_gives_no_negative_lag) {
  WorkerMetrics worker(0);
  set_rows(worker, {{{"api", Partition{0}}, Position{90}, Position{-1}, Position{60}},
                    {{"api", Partition{1}}, Position{90}, Position{50}, Position{60}}});
  const std::string page = page_of(worker);
  EXPECT_THAT(page, Not(HasSubstr("penstock_partition_lag_records{topic=\"api\",partition=\"0\"}")));
  EXPECT_THAT(page, HasSubstr("penstock_partition_lag_records{topic=\"api\",partition=\"1\"} 0\n"));
}

TEST(Render, a_partition_that_two_workers_list_has_one_line_the_later) {
  WorkerMetrics first(0);
  WorkerMetrics second(1);
  set_rows(first, {{{"api", Partition{0}}, Position{10}, Position{50}, Position{10}}});
  set_rows(second, {{{"api", Partition{0}}, Position{20}, Position{50}, Position{15}}});
  for (const auto& order : {std::vector<const WorkerMetrics*>{&first, &second}, {&second, &first}}) {
    const std::string page = render(order, process());
    EXPECT_THAT(page, HasSubstr("penstock_partition_lag_records{topic=\"api\",partition=\"0\"} 35\n"));
    EXPECT_THAT(page, Not(HasSubstr("} 40\n")));
  }
}

TEST(Render, no_series_appears_twice) {
  WorkerMetrics first(0);
  WorkerMetrics second(1);
  const WorkerMetrics* const workers[] = {&first, &second};
  std::istringstream lines(render(workers, process()));
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

// The machine's, or the one that `./dev setup test` fetched; empty where there is neither.
std::string promtool() {
  const std::string fetched = PENSTOCK_SOURCE_DIR "/build/deps/promtool/promtool";
  if (::access(fetched.c_str(), X_OK) == 0) {
    return fetched;
  }
  return std::system("command -v promtool >/dev/null 2>&1") == 0 ? "promtool" : "";
}

TEST(Render, promtool_accepts_the_page) {
  if (promtool().empty()) {
    GTEST_SKIP() << "promtool is not there; ./dev setup test fetches it (Debian package prometheus)";
  }
  WorkerMetrics first(0);
  WorkerMetrics second(1);
  first.io_backend = IoBackend::portable;
  first.topics.of("a\"b\\c\nd").records.add(1);
  first.store_errors.count("409 BlobAlreadyExists");
  first.produced_to_durable.observe(61);
  set_rows(second, {{{"api", Partition{0}}, Position{90}, Position{100}, Position{60}}});
  const WorkerMetrics* const workers[] = {&first, &second};
  const std::string file = testing::TempDir() + "/penstock_render_test_metrics.txt";
  std::ofstream(file) << render(workers, process());

  FILE* check = ::popen(concat("'", promtool(), "' check metrics < '", file, "' 2>&1").c_str(), "r");
  ASSERT_NE(check, nullptr);
  std::string said;
  for (int c = std::fgetc(check); c != EOF; c = std::fgetc(check)) {
    said += static_cast<char>(c);
  }
  const int status = ::pclose(check);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << said;
  std::remove(file.c_str());
}

TEST(ProcessUsage, sees_memory_time_and_descriptors) {
  const ProcessUsage usage = process_usage();
  EXPECT_GT(usage.resident_bytes, 1U << 20U);
  EXPECT_GE(usage.peak_resident_bytes, 1U << 20U);
  EXPECT_GE(usage.cpu_seconds, 0.0);
  EXPECT_GE(usage.open_fds, 3U);
  EXPECT_GT(usage.max_fds, usage.open_fds);
}

TEST(ProcessUsage, counts_a_descriptor_more_when_one_is_opened) {
  const std::uint64_t before = process_usage().open_fds;
  const std::ifstream file("/proc/self/statm");
  EXPECT_EQ(process_usage().open_fds, before + 1);
}

}  // namespace
}  // namespace penstock::obs
