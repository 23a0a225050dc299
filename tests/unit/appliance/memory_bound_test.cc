#include "appliance/memory_bound.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include <penstock/penstock.h>

#include "appliance/fault_at.h"
#include "base/units.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

// A machine's /proc and /sys, with 8 GiB of memory.
class MemoryBoundTest : public testing::Test {
 protected:
  MemoryBoundTest() {
    root_ = testing::TempDir() + "/penstock-memory-XXXXXX";
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    put("/proc/meminfo",
        "MemTotal:        8388608 kB\nMemFree:          100 kB\nMemAvailable:    1048576 kB\n"
        "SwapTotal:       524288 kB\nSwapFree:         524288 kB\n");
  }
  ~MemoryBoundTest() override { std::filesystem::remove_all(root_); }

  void put(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  std::string root_;
};

TEST_F(MemoryBoundTest, without_cgroups_it_is_what_the_machine_has) {
  EXPECT_EQ(memory_limit(root_).bytes, 8 * k_gib);
  put("/proc/self/cgroup", "0::/\n");
  put("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(memory_limit(root_).bytes, 8 * k_gib);
  EXPECT_EQ(memory_limit(root_).whose, "this machine has");
}

TEST_F(MemoryBoundTest, the_least_of_the_own_cgroup_and_all_above_it_counts) {
  put("/proc/self/cgroup", "0::/system.slice/penstock.service\n");
  put("/sys/fs/cgroup/system.slice/penstock.service/memory.max", "536870912\n");
  EXPECT_EQ(memory_limit(root_).bytes, 512 * k_mib);
  EXPECT_NE(memory_limit(root_).whose.find("/system.slice/penstock.service"), std::string::npos);
  put("/sys/fs/cgroup/system.slice/memory.max", "134217728\n");
  EXPECT_EQ(memory_limit(root_).bytes, 128 * k_mib);
  EXPECT_EQ(memory_limit(root_).whose, "the cgroup /system.slice allows (memory.max)");
}

TEST_F(MemoryBoundTest, version_one_has_a_hierarchy_of_its_own) {
  put("/proc/self/cgroup", "9:cpu,cpuacct:/x\n4:hugetlb,memory:/docker/4711\n0::/\n");
  put("/sys/fs/cgroup/memory/docker/4711/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(memory_limit(root_).bytes, 8 * k_gib);
  put("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(memory_limit(root_).bytes, 256 * k_mib);
}

TEST_F(MemoryBoundTest, a_container_finds_its_limit_at_the_root_of_the_mount) {
  put("/proc/self/cgroup", "4:memory:/docker/4711\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
  EXPECT_EQ(memory_limit(root_).bytes, 128 * k_mib);
}

TEST_F(MemoryBoundTest, swap_that_is_free_counts_as_left) {
  EXPECT_EQ(memory_available(root_).bytes, k_gib + 512 * k_mib);
}

TEST_F(MemoryBoundTest, a_machine_that_tells_nothing_bounds_nothing) {
  EXPECT_EQ(memory_available(root_ + "/nothing").bytes, UINT64_MAX);
}

TEST(CheckMemory, what_does_not_fit_is_told_with_what_would) {
  const Settings settings = settings_of(yaml("runtime: {memory: 256MiB}\n"));
  EXPECT_TRUE(check_memory(settings.details(), {.bytes = 256 * k_mib, .whose = "x"}).ok());
  const Result<void> little =
      check_memory(settings.details(), {.bytes = 160 * k_mib + 5000, .whose = "the cgroup /c allows"});
  ASSERT_FALSE(little.ok());
  EXPECT_EQ(little.error().code, k_configuration_fault);
  EXPECT_EQ(
      little.error().message,
      "x.yaml:4: runtime.memory: is 256MiB, more than the cgroup /c allows: 160MiB. Write at most 160MiB, "
      "or allow more");
  const Result<void> far_too_little =
      check_memory(settings.details(), {.bytes = 64 * k_mib, .whose = "the cgroup /c allows"});
  ASSERT_FALSE(far_too_little.ok());
  EXPECT_NE(far_too_little.error().message.find("Allow more: 64MiB is too little for 1 worker"),
            std::string::npos)
      << far_too_little.error().message;
}

}  // namespace
}  // namespace penstock::appliance
