#include "lake/landed_marker.h"

#include <chrono>

#include <gtest/gtest.h>

namespace penstock::lake {
namespace {

TEST(LandedMarker, a_name_has_the_topic_and_the_time) {
  const WallTime until = WallTime{std::chrono::seconds{1769853600}} + std::chrono::milliseconds(900);
  EXPECT_EQ(landed_marker_name("orders", until), "_landed/orders/20260131T100000Z");
}

}  // namespace
}  // namespace penstock::lake
