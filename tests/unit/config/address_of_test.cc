#include "config/address_of.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace penstock::config {
namespace {

std::string file_with(const std::string& text) {
  const std::string path = testing::TempDir() + "/address_of.yaml";
  std::ofstream(path, std::ios::trunc) << text;
  return path;
}

TEST(AddressOf, is_what_the_file_says_or_the_default) {
  const auto written =
      admin_address_in(file_with("admin:\n  listen: 0.0.0.0:80\nsource: {auth: {value: '${NO}'}}\n"));
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(written->host, "0.0.0.0");
  EXPECT_EQ(written->port, 80);
  const auto sixth = admin_address_in(file_with("admin: {listen: '[::1]:80'}\n"));
  ASSERT_TRUE(sixth.ok());
  EXPECT_EQ(sixth->port, 80);
  const auto fallback = admin_address_in(file_with("name: web\n"));
  ASSERT_TRUE(fallback.ok());
  EXPECT_EQ(fallback->host, "127.0.0.1");
  EXPECT_EQ(fallback->port, 9464);
}

TEST(AddressOf, a_file_without_an_address_says_so) {
  for (const std::string text : {"admin: {listen: none}\n", "admin: {listen: nonsense}\n", "[",
                                 "admin: {listen: '${NO_SUCH_VARIABLE}'}\n"}) {
    EXPECT_FALSE(admin_address_in(file_with(text)).ok()) << text;
  }
  EXPECT_FALSE(admin_address_in("/no/such/file.yaml").ok());
  EXPECT_FALSE(admin_address("9464x").ok());
}

}  // namespace
}  // namespace penstock::config
