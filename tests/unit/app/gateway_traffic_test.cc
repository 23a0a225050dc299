#include "app/gateway_traffic.h"

#include <algorithm>
#include <cctype>
#include <string>

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

constexpr int k_records = 5000;

TEST(GatewayTraffic, the_same_seed_gives_the_same_records) {
  GatewayTraffic one(7);
  GatewayTraffic same(7);
  GatewayTraffic other(8);
  int differing = 0;
  for (std::uint64_t i = 0; i < k_records; ++i) {
    const std::string record = one.next(i, WallTime{});
    ASSERT_EQ(record, same.next(i, WallTime{}));
    differing += record != other.next(i, WallTime{}) ? 1 : 0;
  }
  EXPECT_EQ(differing, k_records);
}

TEST(GatewayTraffic, records_are_objects_of_access_logs_and_of_their_sizes) {
  GatewayTraffic traffic(1);
  std::size_t bytes = 0;
  int pretty = 0;
  for (std::uint64_t i = 0; i < k_records; ++i) {
    const std::string record = traffic.next(i, WallTime{});
    bytes += record.size();
    EXPECT_GE(record.size(), 300U);
    EXPECT_LE(record.size(), 17U << 10);
    EXPECT_EQ(std::count(record.begin(), record.end(), '{'), std::count(record.begin(), record.end(), '}'));
    EXPECT_EQ(std::count(record.begin(), record.end(), '"') % 2, 0);
    EXPECT_NE(record.find("\"seq\":" + std::to_string(i) + ","), std::string::npos);
    pretty += record.find("\r\n") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(bytes / k_records, 400U);
  EXPECT_LT(bytes / k_records, 1500U);
  EXPECT_GT(pretty, k_records / 100);
  EXPECT_LT(pretty, k_records / 25);
}

}  // namespace
}  // namespace penstock::app
