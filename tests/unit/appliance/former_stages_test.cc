#include "appliance/former_stages.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "stage/directory.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

namespace fs = std::filesystem;

class FormerStagesTest : public testing::Test {
 protected:
  FormerStagesTest() {
    std::string pattern = testing::TempDir() + "/penstock-stages-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~FormerStagesTest() override { fs::remove_all(root_); }

  std::string dir_of(const std::string& worker) const { return root_ + "/test/" + worker; }

  // As a worker leaves it: a lock, and a segment.
  void make_stage(const std::string& worker) {
    ASSERT_TRUE(stage::Directory::open(dir_of(worker)).ok());
    std::ofstream(dir_of(worker) + "/segment-00000001.stage") << std::string(10000, 's');
  }

  std::vector<std::string> remove(std::uint32_t workers) {
    const Settings settings = settings_of(yaml("stage: {dir: \"" + root_ + "\"}\n"));
    return remove_former_stages(settings.details(), workers);
  }

  std::string root_;
};

TEST_F(FormerStagesTest, those_of_higher_numbers_are_removed_and_told) {
  for (const char* worker : {"worker-0", "worker-1", "worker-2"}) {
    make_stage(worker);
  }
  const std::vector<std::string> said = remove(1);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].rfind("removed the stage " + dir_of("worker-1") + " (", 0), 0U) << said[0];
  EXPECT_NE(said[0].find("there is no worker 1 any more; what was not published"), std::string::npos)
      << said[0];
  EXPECT_TRUE(fs::exists(dir_of("worker-0") + "/segment-00000001.stage"));
  EXPECT_FALSE(fs::exists(dir_of("worker-1")));
  EXPECT_FALSE(fs::exists(dir_of("worker-2")));
  EXPECT_TRUE(remove(1).empty());
}

TEST_F(FormerStagesTest, one_that_another_process_has_stays) {
  make_stage("worker-1");
  const auto other = stage::Directory::open(dir_of("worker-1"));
  ASSERT_TRUE(other.ok());
  EXPECT_TRUE(remove(1).empty());
  EXPECT_TRUE(fs::exists(dir_of("worker-1") + "/segment-00000001.stage"));
}

TEST_F(FormerStagesTest, what_is_not_a_workers_stage_stays) {
  fs::create_directories(dir_of("worker-1"));  // without a lock
  std::ofstream(dir_of("worker-1") + "/segment-00000001.stage") << "x";
  for (const char* name : {"worker-01", "worker-x", "worker-", "backup"}) {
    make_stage(name);
  }
  EXPECT_TRUE(remove(1).empty());
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ + "/test"), fs::directory_iterator()), 5);
}

TEST_F(FormerStagesTest, files_that_are_no_segments_stay_where_they_are) {
  make_stage("worker-1");
  std::ofstream(dir_of("worker-1") + "/notes.txt") << "mine";
  const std::vector<std::string> said = remove(1);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("no segments; delete them if nobody misses them"), std::string::npos) << said[0];
  EXPECT_TRUE(fs::exists(dir_of("worker-1") + "/notes.txt"));
  EXPECT_FALSE(fs::exists(dir_of("worker-1") + "/segment-00000001.stage"));
}

TEST_F(FormerStagesTest, a_first_start_finds_nothing) {
  EXPECT_TRUE(remove(1).empty());
}

}  // namespace
}  // namespace penstock::appliance
