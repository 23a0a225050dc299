#include "app/instance.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

class InstanceTest : public testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("STATE_DIRECTORY");
    ::unsetenv("CREDENTIALS_DIRECTORY");
    std::filesystem::create_directories(root_ / "etc");
    std::filesystem::create_directories(root_ / "units");
    write(root_ / "etc" / "orders.yaml");
  }
  void TearDown() override {
    std::filesystem::remove_all(root_);
    ::unsetenv("STATE_DIRECTORY");
    ::unsetenv("CREDENTIALS_DIRECTORY");
  }

  static void write(const std::filesystem::path& path) { std::ofstream(path) << "name: orders\n"; }

  InstancePaths paths() const {
    return {.configurations = root_ / "etc",
            .secrets = root_ / "etc" / "secrets",
            .states = "/var/lib/penstock",
            .units = {"/nowhere", root_ / "units"}};
  }

  const std::filesystem::path root_ = std::filesystem::path(testing::TempDir()) / "instance_test";
};

TEST_F(InstanceTest, a_file_among_the_configurations_gets_what_its_unit_would_get) {
  write(root_ / "units" / "penstock@.service");
  const auto instance = stand_in_for_instance(root_ / "etc" / "orders.yaml", paths());
  ASSERT_TRUE(instance.has_value());
  EXPECT_EQ(instance->name, "orders");
  EXPECT_STREQ(std::getenv("STATE_DIRECTORY"), "/var/lib/penstock/orders");
  EXPECT_EQ(std::getenv("CREDENTIALS_DIRECTORY"), (root_ / "etc" / "secrets").string());
  EXPECT_FALSE(instance->is_unreadable);
}

TEST_F(InstanceTest, credentials_that_are_given_stay) {
  write(root_ / "units" / "penstock@.service");
  ::setenv("CREDENTIALS_DIRECTORY", "/run/mine", 1);
  const auto instance = stand_in_for_instance(root_ / "etc" / "orders.yaml", paths());
  ASSERT_TRUE(instance.has_value());
  EXPECT_STREQ(std::getenv("CREDENTIALS_DIRECTORY"), "/run/mine");
  EXPECT_EQ(instance->taken.find("/run/mine"), std::string::npos);
}

TEST_F(InstanceTest, what_the_services_user_may_not_read_is_told) {
  write(root_ / "units" / "penstock@.service");
  std::filesystem::permissions(root_ / "etc" / "orders.yaml", std::filesystem::perms::owner_read);
  const auto instance = stand_in_for_instance(root_ / "etc" / "orders.yaml", paths());
  ASSERT_TRUE(instance.has_value());
  EXPECT_TRUE(instance->is_unreadable);
}

TEST_F(InstanceTest, elsewhere_or_without_the_unit_or_under_systemd_nothing_is_taken) {
  EXPECT_FALSE(stand_in_for_instance(root_ / "etc" / "orders.yaml", paths()).has_value()) << "no unit";
  write(root_ / "units" / "penstock@.service");
  write(root_ / "orders.yaml");
  EXPECT_FALSE(stand_in_for_instance(root_ / "orders.yaml", paths()).has_value()) << "elsewhere";
  EXPECT_EQ(std::getenv("STATE_DIRECTORY"), nullptr);
  ::setenv("STATE_DIRECTORY", "/var/lib/penstock/orders", 1);
  EXPECT_FALSE(stand_in_for_instance(root_ / "etc" / "orders.yaml", paths()).has_value()) << "by systemd";
  EXPECT_EQ(std::getenv("CREDENTIALS_DIRECTORY"), nullptr);
}

}  // namespace
}  // namespace penstock::app
