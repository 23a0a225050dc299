#include "appliance/check_chain.h"

#include <gtest/gtest.h>

#include "appliance/reach.h"

namespace penstock::appliance {
namespace {

TEST(CheckChain, that_holds_has_the_rows_that_were_told) {
  CheckChain chain({"name", "connection", "login"});
  chain.ok("name", "found");
  chain.warning("connection", "slow");
  EXPECT_TRUE(chain.holds());
  EXPECT_EQ(chain.rows().size(), 2U);
}

TEST(CheckChain, ends_at_its_first_fault_and_says_so_of_each_link_behind) {
  CheckChain chain({"name", "connection", "login", "topic"});
  chain.ok("name", "found");
  chain.fault("connection", "refused");
  EXPECT_FALSE(chain.holds());
  const std::vector<CheckRow> rows = chain.rows();
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[1].severity, CheckSeverity::fault);
  EXPECT_EQ(rows[2].name, "login");
  EXPECT_EQ(rows[2].severity, CheckSeverity::not_tried);
  EXPECT_EQ(rows[3].text, "not tried, because of the fault of connection");
}

TEST(CheckChain, does_not_say_that_a_link_before_the_fault_was_not_tried) {
  CheckChain chain({"proxy", "name", "login"});
  chain.ok("name", "found");
  chain.fault("login", "refused");
  EXPECT_EQ(chain.rows().size(), 2U);
}

TEST(Reach, takes_a_broker_as_the_configuration_writes_it) {
  const Result<HostPort> name = parse_host_port("broker.example:9092");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->host, "broker.example");
  EXPECT_EQ(name->port, 9092);
  const Result<HostPort> six = parse_host_port("[::1]:9092");
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->text(), "[::1]:9092");
  for (const char* wrong : {"broker", ":9092", "broker:", "broker:0", "broker:65536", "broker:9092x"}) {
    EXPECT_FALSE(parse_host_port(wrong).ok()) << wrong;
  }
}

TEST(Reach, says_which_addresses_are_private) {
  struct Row {
    const char* address;
    const char* kind;
  };
  for (const Row& row :
       {Row{"10.1.2.3", "private"}, Row{"172.16.0.1", "private"}, Row{"172.32.0.1", "public"},
        Row{"192.168.1.1", "private"}, Row{"100.64.0.1", "private"}, Row{"100.128.0.1", "public"},
        Row{"20.60.1.1", "public"}, Row{"127.0.0.1", "loopback"}, Row{"::1", "loopback"},
        Row{"fd00::1", "private"}, Row{"2603:1030::1", "public"}}) {
    const auto address = io::numeric_address(row.address, 443);
    ASSERT_TRUE(address.has_value());
    EXPECT_NE(told({*address}).find(std::string("(") + row.kind + ")"), std::string::npos)
        << told({*address});
  }
}

TEST(Reach, tells_an_address_once) {
  const auto address = io::numeric_address("10.1.2.3", 443);
  EXPECT_EQ(told({*address, *address}), "10.1.2.3 (private)");
}

}  // namespace
}  // namespace penstock::appliance
