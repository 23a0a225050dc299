#include "app/landed_files.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace penstock::app {
namespace {

class LandedFiles : public testing::Test {
 protected:
  LandedFiles() {
    dir_ = testing::TempDir() + "/penstock-landed-XXXXXX";
    EXPECT_NE(::mkdtemp(dir_.data()), nullptr);
  }
  ~LandedFiles() override { std::filesystem::remove_all(dir_); }

  void put(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(dir_ + "/" + name).parent_path());
    std::ofstream(dir_ + "/" + name, std::ios::binary) << text;
  }

  std::string dir_;
};

TEST_F(LandedFiles, counts_the_lines_of_what_a_reader_sees) {
  put("t/2026/b.txt", "1\n2\n3\n");
  put("t/2025/a.txt", std::string(3 << 20, 'x') + "\n" + std::string(100, '\n'));
  put("t/2026/.b.txt.meta", "hidden\n");
  put(".penstock/unfinished.part", "hidden\n\n");
  const auto landed = count_landed(dir_);
  ASSERT_TRUE(landed.ok()) << landed.error().message;
  EXPECT_EQ(landed->files, 2U);
  EXPECT_EQ(landed->lines, 104U);
  EXPECT_EQ(landed->bytes, 6U + (3U << 20) + 101U);
  EXPECT_EQ(landed->first_file, dir_ + "/t/2025/a.txt");
}

TEST_F(LandedFiles, nothing_landed_is_no_error) {
  const auto landed = count_landed(dir_);
  ASSERT_TRUE(landed.ok());
  EXPECT_EQ(landed->files, 0U);
  EXPECT_EQ(landed->first_file, "");
}

TEST_F(LandedFiles, no_such_directory_is_one_and_names_it) {
  const auto landed = count_landed(dir_ + "/absent");
  ASSERT_FALSE(landed.ok());
  EXPECT_NE(landed.error().message.find(dir_ + "/absent"), std::string::npos);
}

}  // namespace
}  // namespace penstock::app
