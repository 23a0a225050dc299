// Whole worlds that are wrong are noticed within a few seeds; so is a guarantee that nobody keeps.
#include "sim/world.h"

#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/concat.h"
#include "obs/log.h"

namespace penstock::sim {
namespace {

class WorldTest : public testing::Test {
 protected:
  WorldTest() {
    obs::init_log({.level = obs::Level::error, .format = obs::LogFormat::text, .silent = true});
    std::string pattern = testing::TempDir() + "/penstock-sim-XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }

  // The first seed whose world is found wrong; 0: none of these many.
  std::uint64_t first_found(WorldOptions options, std::uint64_t seeds) {
    for (options.seed = 1; options.seed <= seeds; ++options.seed) {
      options.dir = concat(dir_, "/", options.seed);
      if (World(options).run().failure) {
        return options.seed;
      }
    }
    return 0;
  }

  std::string dir_;
};

TEST_F(WorldTest, finds_a_lake_that_forgets) {
  EXPECT_NE(first_found({.sabotage = Sabotage::lake_forgets}, 20), 0U);
}

TEST_F(WorldTest, finds_a_lake_that_alters) {
  EXPECT_NE(first_found({.sabotage = Sabotage::lake_alters}, 20), 0U);
}

TEST_F(WorldTest, finds_a_source_that_skips) {
  EXPECT_NE(first_found({.sabotage = Sabotage::source_skips}, 20), 0U);
}

TEST_F(WorldTest, finds_a_source_that_repeats) {
  EXPECT_NE(first_found({.sabotage = Sabotage::source_repeats}, 20), 0U);
}

// The stage notices by its checksums, and the worker ends itself, which no world without bad disks lets pass.
TEST_F(WorldTest, finds_a_disk_that_alters) {
  EXPECT_NE(first_found({.sabotage = Sabotage::disk_alters}, 200), 0U);
}

// Then the old token is shown until it ends, which may be after a day.
TEST_F(WorldTest, finds_a_process_that_never_replaces_a_refused_token) {
  EXPECT_NE(first_found({.recipe = "expiring_logins", .sabotage = Sabotage::refusals_unheard}, 200), 0U);
}

TEST_F(WorldTest, is_silent_when_nothing_is_wrong) {
  EXPECT_EQ(first_found({}, 20), 0U);
}

}  // namespace
}  // namespace penstock::sim
