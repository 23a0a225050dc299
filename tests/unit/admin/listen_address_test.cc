#include "admin/listen_address.h"

#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::admin {
namespace {

using testing::HasSubstr;

TEST(ListenAddress, reads_hosts_and_ports) {
  const struct {
    std::string_view text;
    ListenAddress address;
  } cases[] = {
      {"127.0.0.1:9464", {"127.0.0.1", 9464}},
      {"localhost:0", {"localhost", 0}},
      {"0.0.0.0:65535", {"0.0.0.0", 65535}},
      {"[::1]:9464", {"::1", 9464}},
      {"[::]:1", {"::", 1}},
  };
  for (const auto& c : cases) {
    const Result<ListenAddress> address = parse_listen_address(c.text);
    ASSERT_TRUE(address.ok()) << c.text;
    EXPECT_EQ(*address, c.address);
    EXPECT_EQ(to_string(*address), c.text);
  }
}

TEST(ListenAddress, says_what_is_wrong_and_what_to_write) {
  const struct {
    std::string_view text;
    std::string_view why;
  } cases[] = {
      {"9464", "the port is missing"},
      {"127.0.0.1", "the port is missing"},
      {"127.0.0.1:", "not a number"},
      {"127.0.0.1:http", "not a number"},
      {"127.0.0.1:65536", "not a number from 0 to 65535"},
      {"127.0.0.1:-1", "not a number"},
      {"127.0.0.1:94 64", "not a number"},
      {":9464", "the host is missing"},
      {"[]:9464", "the host is missing"},
      {"::1:9464", "brackets"},
      {"http://127.0.0.1:9464", "brackets"},
  };
  for (const auto& c : cases) {
    const Result<ListenAddress> address = parse_listen_address(c.text);
    ASSERT_FALSE(address.ok()) << c.text;
    EXPECT_EQ(address.error().kind, ErrorKind::invalid_input);
    EXPECT_THAT(address.error().message, HasSubstr(c.text));
    EXPECT_THAT(address.error().message, HasSubstr(c.why)) << c.text;
    EXPECT_THAT(address.error().message, HasSubstr("127.0.0.1:9464")) << c.text;
  }
}

TEST(ListenAddress, empty_and_none_are_off) {
  EXPECT_TRUE(is_off(""));
  EXPECT_TRUE(is_off("none"));
  EXPECT_FALSE(is_off("127.0.0.1:9464"));
}

}  // namespace
}  // namespace penstock::admin
