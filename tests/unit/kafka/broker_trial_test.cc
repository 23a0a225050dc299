#include "kafka/broker_trial.h"

#include <gtest/gtest.h>

namespace penstock::kafka {
namespace {

using wire::ApiKey;

// As an Event Hubs namespace of some year might: no newer Fetch, no history of epochs.
wire::ApiVersions some_versions() {
  wire::ApiVersions versions;
  versions.set(ApiKey::fetch, {0, 11});
  versions.set(ApiKey::list_offsets, {0, 5});
  versions.set(ApiKey::metadata, {0, 7});
  versions.set(ApiKey::find_coordinator, {0, 2});
  versions.set(ApiKey::offset_commit, {0, 8});
  versions.set(ApiKey::offset_fetch, {0, 5});
  return versions;
}

TEST(BrokerTrial, tells_what_is_spoken_and_what_the_broker_has) {
  const std::string text = told(some_versions());
  EXPECT_NE(text.find("Fetch 11 of 0-11"), std::string::npos) << text;
  EXPECT_NE(text.find("OffsetCommit 7 of 0-8"), std::string::npos) << text;
  EXPECT_NE(text.find("Metadata 7 of 0-7 (without the ids of topics)"), std::string::npos) << text;
  EXPECT_NE(text.find("OffsetForLeaderEpoch none of none"), std::string::npos) << text;
  EXPECT_EQ(missing(some_versions()), "") << "reading goes without the history of epochs";
}

TEST(BrokerTrial, tells_the_ids_of_topics) {
  wire::ApiVersions versions = some_versions();
  versions.set(ApiKey::metadata, {0, 12});
  EXPECT_NE(told(versions).find("(with the ids of topics)"), std::string::npos);
}

TEST(BrokerTrial, names_what_no_version_of_ours_is_there_for) {
  wire::ApiVersions versions = some_versions();
  versions.set(ApiKey::fetch, {0, 3});
  EXPECT_EQ(missing(versions), "Fetch 0-3");
}

}  // namespace
}  // namespace penstock::kafka
