#include "obs/log.h"

#include <chrono>
#include <cstddef>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::obs {
namespace {

using namespace std::chrono_literals;

// Puts the defaults back, as the log belongs to the process.
class Log : public testing::Test {
 protected:
  ~Log() override { init_log({}); }
};

TEST_F(Log, lines_go_to_standard_error_in_the_chosen_format) {
  testing::internal::CaptureStderr();
  init_log({Level::info, LogFormat::json});
  log(Level::warning, "100 % {} of it", {{"topic", "api"}});
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(out.starts_with(R"({"time":")")) << out;
  EXPECT_TRUE(out.ends_with("\"level\":\"warning\",\"message\":\"100 % {} of it\",\"topic\":\"api\"}\n"))
      << out;
}

TEST_F(Log, messages_below_the_level_are_dropped) {
  testing::internal::CaptureStderr();
  init_log({Level::warning, LogFormat::text});
  log(Level::debug, "hidden");
  log(Level::info, "hidden");
  log(Level::warning, "shown");
  log(Level::error, "shown");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_FALSE(would_log(Level::info));
  EXPECT_TRUE(would_log(Level::warning));
  EXPECT_THAT(out, testing::Not(testing::HasSubstr("hidden")));
  EXPECT_THAT(out, testing::HasSubstr(" warning shown\n"));
  EXPECT_THAT(out, testing::HasSubstr(" error shown\n"));
}

TEST_F(Log, a_line_that_stands_on_the_terminal_is_written_over) {
  testing::internal::CaptureStderr();
  write_over(true);
  log(Level::warning, "one");
  say(Level::info, "two");
  write_over(false);
  say(Level::info, "three");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(out.starts_with("\r\x1b[K20")) << out;
  EXPECT_THAT(out, testing::HasSubstr("\r\x1b[Kpenstock: two\npenstock: three\n"));
}

TEST_F(Log, what_is_said_keeps_the_format_and_needs_no_level) {
  testing::internal::CaptureStderr();
  init_log({Level::error, LogFormat::text});
  say(Level::info, "landed 3 records\n{}", {{"records", 3}});
  say_lines(Level::error, "x.yaml:1: a\nx.yaml:2: b\n");
  init_log({Level::error, LogFormat::json});
  say(Level::info, "landed 3 records", {{"records", 3}});
  say_lines(Level::error, "x.yaml:1: a\nx.yaml:2: b");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(out.starts_with("penstock: landed 3 records\\n{}\nx.yaml:1: a\nx.yaml:2: b\n{\"time\"")) << out;
  EXPECT_THAT(out, testing::HasSubstr(R"("level":"info","message":"landed 3 records","records":3})"));
  EXPECT_THAT(out, testing::HasSubstr(R"("level":"error","message":"x.yaml:1: a"})"));
  EXPECT_THAT(out, testing::HasSubstr(R"("level":"error","message":"x.yaml:2: b"})"));
}

// systemd.exec(5): JOURNAL_STREAM is the device and the inode of a stream that is the journal's.
TEST_F(Log, what_is_said_has_its_priority_in_the_journal) {
  testing::internal::CaptureStderr();
  struct stat status {};
  ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
  ::setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(),
           1);
  init_log({});
  ::unsetenv("JOURNAL_STREAM");
  say(Level::error, "topic orders: there is none");
  say(Level::info, "landed 3 records");
  say_lines(Level::error, "x.yaml:1: a\nx.yaml:2: b");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "<3>topic orders: there is none\n<6>landed 3 records\n<3>x.yaml:1: a\n<3>x.yaml:2: b\n");
}

TEST_F(Log, lines_of_many_threads_do_not_mix) {
  constexpr std::size_t k_threads = 4;
  constexpr std::size_t k_lines = 200;
  const std::string message(300, 'm');
  testing::internal::CaptureStderr();
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < k_threads; ++t) {
      threads.emplace_back([&message] {
        for (std::size_t i = 0; i < k_lines; ++i) {
          log(Level::info, message, {{"end", true}});
        }
      });
    }
  }
  std::istringstream lines(testing::internal::GetCapturedStderr());
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    ASSERT_TRUE(line.ends_with(" info " + message + " end=true")) << line;
  }
  EXPECT_EQ(count, k_threads * k_lines);
}

TEST(LogGate, lets_one_through_per_interval_and_counts_the_rest) {
  LogGate gate(10s);
  const MonoTime start{};
  EXPECT_EQ(gate.pass(start), 0U);
  EXPECT_EQ(gate.pass(start), std::nullopt);
  EXPECT_EQ(gate.pass(start + 9999ms), std::nullopt);
  EXPECT_EQ(gate.pass(start + 10s), 2U);
  EXPECT_EQ(gate.pass(start + 19s), std::nullopt);
  EXPECT_EQ(gate.pass(start + 100s), 1U);
  EXPECT_EQ(gate.pass(start + 200s), 0U);
}

TEST(LogGate, lets_a_burst_through_per_interval) {
  LogGate gate(10s, 3);
  const MonoTime start{};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(gate.pass(start + std::chrono::seconds(i)), 0U);
  }
  EXPECT_EQ(gate.pass(start + 3s), std::nullopt);
  EXPECT_EQ(gate.pass(start + 9s), std::nullopt);
  EXPECT_EQ(gate.pass(start + 10s), 2U) << "the interval counts from the first of the burst";
  EXPECT_EQ(gate.pass(start + 10s), 0U);
}

}  // namespace
}  // namespace penstock::obs
