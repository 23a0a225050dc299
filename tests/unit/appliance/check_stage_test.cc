#include "appliance/check_stage.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/file.h>

#include <penstock/penstock.h>

#include "base/unique_fd.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

namespace fs = std::filesystem;

class CheckStageTest : public testing::Test {
 protected:
  CheckStageTest() {
    root_ = testing::TempDir() + "/penstock-stage-XXXXXX";
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
  }
  ~CheckStageTest() override { fs::remove_all(root_); }

  StageCheck check(const std::string& max_bytes = "256MiB", std::uint32_t workers = 1) const {
    return check_stage(
        settings_of(yaml("stage: {dir: \"" + root_ + "/stage\", max_bytes: " + max_bytes + "}\n")).details(),
        workers);
  }

  // The directory of a worker, as a run leaves it.
  std::string made(int worker = 0) const {
    const std::string dir = root_ + "/stage/test/worker-" + std::to_string(worker);
    fs::create_directories(dir);
    std::ofstream(dir + "/lock") << "";
    return dir;
  }

  std::string root_;
};

TEST_F(CheckStageTest, the_directory_of_the_worker_is_tried_and_nothing_is_left) {
  const StageCheck found = check("256MiB", 2);
  ASSERT_EQ(found.rows.size(), 2U);
  EXPECT_EQ(found.rows[0].text.rfind(root_ + "/stage/test/worker-0 and 1 more: ", 0), 0U)
      << found.rows[0].text;
  EXPECT_NE(found.rows[1].text.find("stage.max_bytes is 256MiB"), std::string::npos) << found.rows[1].text;
  EXPECT_FALSE(found.in_use);
  EXPECT_TRUE(fs::is_empty(root_)) << "it made the directories, and removed them";
}

TEST_F(CheckStageTest, what_was_there_stays) {
  const std::string dir = made();
  std::ofstream(dir + "/segment-00000001.stage") << std::string(10'000, 's');
  check();
  EXPECT_TRUE(fs::exists(dir + "/segment-00000001.stage"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 2);
}

TEST_F(CheckStageTest, no_link_is_written_through) {
  const std::string dir = made();
  const std::string victim = root_ + "/victim";
  std::ofstream(victim) << "of somebody else";
  for (const char* name : {".check", "check.tmp", "direct-probe.tmp", "segment-00000001.stage"}) {
    fs::create_symlink(victim, dir + "/" + name);
  }
  EXPECT_EQ(check().rows.at(0).name, "stage");
  EXPECT_EQ(fs::file_size(victim), std::string("of somebody else").size());
  fs::remove(dir + "/lock");
  fs::create_symlink(victim, dir + "/lock");
  const StageCheck found = check();
  EXPECT_EQ(found.rows.at(0).severity, CheckSeverity::fault) << "the stage would not open it either";
  EXPECT_EQ(fs::file_size(victim), std::string("of somebody else").size());
}

TEST_F(CheckStageTest, what_the_stage_holds_counts_as_room) {
  const std::string max = "1024TiB";  // more than there is
  const StageCheck without = check(max);
  ASSERT_EQ(without.rows.size(), 2U);
  EXPECT_EQ(without.rows[1].severity, CheckSeverity::warning) << without.rows[1].text;
  EXPECT_EQ(without.rows[1].text.find("on the stage"), std::string::npos) << without.rows[1].text;
  std::ofstream(made() + "/segment-00000001.stage") << std::string(3 << 20, 's');
  const StageCheck with = check(max);
  EXPECT_NE(with.rows[1].text.find("3MiB on the stage"), std::string::npos) << with.rows[1].text;
}

TEST_F(CheckStageTest, a_stage_that_is_in_use_is_a_warning) {
  made(0);
  const UniqueFd lock(::open((made(1) + "/lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EXPECT_FALSE(check("256MiB", 1).in_use);
  const StageCheck found = check("256MiB", 2);
  EXPECT_TRUE(found.in_use);
  EXPECT_EQ(found.rows.at(0).severity, CheckSeverity::warning);
  EXPECT_NE(found.rows[0].text.find("Another penstock uses it"), std::string::npos) << found.rows[0].text;
}

TEST_F(CheckStageTest, a_directory_that_cannot_be_made_is_a_fault_that_names_it) {
  std::ofstream(root_ + "/stage") << "a file";
  const StageCheck found = check();
  ASSERT_EQ(found.rows.size(), 1U);
  EXPECT_EQ(found.rows[0].severity, CheckSeverity::fault);
  EXPECT_NE(found.rows[0].text.find(root_ + "/stage"), std::string::npos) << found.rows[0].text;
}

}  // namespace
}  // namespace penstock::appliance
