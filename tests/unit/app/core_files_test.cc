#include "app/core_files.h"

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

}  // namespace
}  // namespace penstock::app
