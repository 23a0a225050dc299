#include "app/core_files.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace penstock::app {
namespace {

TEST(CoreFiles, a_process_that_may_leave_them_leaves_none_and_may_be_told_to_again) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &before), 0);
  if (before.rlim_max == 0) {
    GTEST_SKIP() << "core files are forbidden here already (ulimit -H -c)";
  }
  rlimit allowed = before;
  allowed.rlim_cur = allowed.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_CORE, &allowed), 0);
  forbid_core_files();
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &after), 0);
  EXPECT_EQ(after.rlim_cur, 0U);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
  ::setrlimit(RLIMIT_CORE, &before);
}

TEST(CoreFiles, what_a_handler_is_given_all_the_same_holds_no_memory) {
  const auto filter = [] {
    std::string mappings;
    std::ifstream("/proc/self/coredump_filter") >> mappings;
    return mappings;
  };
  const std::string before = filter();
  ASSERT_FALSE(before.empty());
  std::ofstream("/proc/self/coredump_filter") << "0x33";
  ASSERT_EQ(filter(), "00000033");
  forbid_core_files();
  EXPECT_EQ(filter(), "00000000");
  std::ofstream("/proc/self/coredump_filter") << "0x" << before;
}

}  // namespace
}  // namespace penstock::app
