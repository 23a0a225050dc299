#include "azure/sas_times.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace penstock::azure {
namespace {

using std::chrono::seconds;

constexpr WallTime k_midnight{seconds{1769817600}};  // 2026-01-31T00:00:00Z

TEST(SasTimes, of_an_account_or_service_sas) {
  const SasTimes times =
      sas_times("?sv=2021-12-02&st=2026-01-30T00%3A00%3A00Z&se=2026-01-31T10%3A30%3A05Z&sig=x%3D");
  EXPECT_EQ(times.begins, k_midnight - std::chrono::hours(24));
  EXPECT_EQ(times.ends, k_midnight + std::chrono::hours(10) + std::chrono::minutes(30) + seconds{5});
  EXPECT_EQ(sas_times("se=2026-01-31&sig=x").ends, k_midnight);
  EXPECT_EQ(sas_times("se=2026-01-31T10:30Z&sig=x").ends, k_midnight + std::chrono::minutes(630));
}

TEST(SasTimes, of_a_user_delegation_the_key_counts_too) {
  const SasTimes times =
      sas_times("se=2026-02-02T00:00:00Z&ske=2026-01-31T00:00:00Z&st=2026-01-01&skt=2026-01-31&sig=x");
  EXPECT_EQ(times.ends, k_midnight);
  EXPECT_EQ(times.begins, k_midnight);
}

TEST(SasTimes, what_is_no_time_counts_as_missing) {
  for (const std::string token :
       {"", "sv=1&si=policy&sig=x", "se=soon&sig=x", "se=2026-13-40&sig=x", "se=&sig=x", "sse=2026-01-31"}) {
    EXPECT_FALSE(sas_times(token).ends) << token;
  }
}

TEST(SasTimes, of_event_hubs_are_seconds) {
  EXPECT_EQ(event_hubs_sas_end("SharedAccessSignature sr=sb%3A%2F%2Fx&sig=y%3D&se=1769817600&skn=listen"),
            k_midnight);
  for (const std::string signature :
       {"", "sr=x&se=&skn=y", "sr=x&se=soon", "sr=x&se=-1", "sr=x&se=99999999999999999999"}) {
    EXPECT_FALSE(event_hubs_sas_end(signature)) << signature;
  }
}

}  // namespace
}  // namespace penstock::azure
