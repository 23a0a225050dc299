// Every response in every version, as another implementation writes it; and every way to cut it short.
#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/wire/golden_messages.h"
#include "unit/wire/hex.h"
#include "wire/api_versions.h"
#include "wire/fetch.h"
#include "wire/find_coordinator.h"
#include "wire/frame.h"
#include "wire/leave_group.h"
#include "wire/list_offsets.h"
#include "wire/metadata.h"
#include "wire/offset_commit.h"
#include "wire/offset_fetch.h"
#include "wire/offset_for_leader_epoch.h"
#include "wire/sasl_messages.h"

namespace penstock::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t k_far = std::int64_t{1} << 33;

// Runs `decode` on every row and hands what it gave to `expect`; then on every shorter piece of the row, in a
// buffer of its own so that a byte read too far is seen, which must be an error with the API's name.
template <class Decode, class Expect>
void expect_golden_answer(std::span<const Golden> rows, ApiKey api, Decode decode, Expect expect) {
  for (std::int16_t version = supported_versions(api).lowest; version <= supported_versions(api).highest;
       ++version) {
    SCOPED_TRACE(std::string(to_string(api)) + " v" + std::to_string(version));
    const auto* row = std::find_if(rows.data(), rows.data() + rows.size(),
                                   [&](const Golden& golden) { return golden.version == version; });
    ASSERT_NE(row, rows.data() + rows.size());
    const Buffer body = from_hex(row->hex);
    auto decoded = decode(Bytes(body), version);
    ASSERT_TRUE(decoded.ok());
    expect(*decoded, version);
    for (std::size_t bytes = 0; bytes < body.size(); ++bytes) {
      const Buffer cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(bytes));
      const auto failed = decode(Bytes(cut), version);
      ASSERT_FALSE(failed.ok()) << bytes << " of " << body.size() << " bytes";
      EXPECT_EQ(failed.error().kind, ErrorKind::corrupt);
      EXPECT_THAT(failed.error().message, HasSubstr(to_string(api)));
    }
    Buffer longer = body;
    longer.push_back(std::byte{0});
    EXPECT_TRUE(decode(Bytes(longer), version).ok()) << "bytes behind are left alone";
  }
}

struct WalkedFetch {
  std::int32_t throttle_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<FetchedPartition> partitions;
  std::vector<AbortedTransaction> aborted;
};

Result<WalkedFetch> walk_fetch(Bytes body, std::int16_t version) {
  FetchResponseReader reader(body, version);
  WalkedFetch walked{.throttle_ms = reader.throttle_ms(),
                     .error_code = reader.error_code(),
                     .partitions = {},
                     .aborted = {}};
  while (const auto partition = reader.next(walked.aborted)) {
    walked.partitions.push_back(*partition);
  }
  if (!reader.ok()) {
    return unreadable_response(ApiKey::fetch, version);
  }
  return walked;
}

TEST(Responses, fetch) {
  expect_golden_answer(
      k_fetch_responses, ApiKey::fetch, walk_fetch, [](const WalkedFetch& walked, std::int16_t version) {
        EXPECT_EQ(walked.throttle_ms, 30);
        EXPECT_EQ(walked.error_code, ErrorCode::none);
        ASSERT_EQ(walked.partitions.size(), 3u);
        const FetchedPartition& first = walked.partitions[0];
        EXPECT_EQ(first.topic, version < 13 ? "orders" : "");
        EXPECT_EQ(to_hex(first.topic_id),
                  version < 13 ? std::string(32, '0') : "0102030405060708090a0b0c0d0e0f10");
        EXPECT_EQ(first.partition, Partition{0});
        EXPECT_EQ(first.error_code, ErrorCode::none);
        EXPECT_EQ(first.high_watermark, Position{2000});
        EXPECT_EQ(first.last_stable_offset, Position{1990});
        EXPECT_EQ(first.log_start, Position{version >= 5 ? 17 : -1});
        EXPECT_EQ(first.preferred_replica, BrokerId{-1});
        EXPECT_EQ(first.aborted_count, 2u);
        EXPECT_EQ(as_text(first.records), "batch bytes");
        const FetchedPartition& second = walked.partitions[1];
        EXPECT_EQ(second.topic, first.topic);
        EXPECT_TRUE(second.topic_id == first.topic_id);
        EXPECT_EQ(second.partition, Partition{3});
        EXPECT_EQ(second.error_code, ErrorCode::offset_out_of_range);
        EXPECT_EQ(second.high_watermark, Position{-1});
        EXPECT_EQ(second.aborted_count, 0u);
        EXPECT_EQ(second.preferred_replica, BrokerId{version >= 11 ? 2 : -1});
        EXPECT_TRUE(second.records.empty());
        const FetchedPartition& third = walked.partitions[2];
        EXPECT_EQ(third.topic, version < 13 ? "events" : "");
        EXPECT_EQ(third.topic_id == first.topic_id, version < 13);
        EXPECT_EQ(third.partition, Partition{1});
        EXPECT_EQ(third.high_watermark, Position{k_far});
        EXPECT_EQ(third.log_start, Position{version >= 5 ? 0 : -1});
        EXPECT_EQ(as_text(third.records), "x");
        EXPECT_THAT(walked.aborted, ElementsAre(AbortedTransaction{9, 1500}, AbortedTransaction{10, 1600}));
      });
}

TEST(Responses, fetch_refused_as_a_whole) {
  const Buffer body = from_hex(
      "00000000"
      "0046"
      "00000000"
      "00000000");
  const auto walked = walk_fetch(body, 11);
  ASSERT_TRUE(walked.ok());
  EXPECT_EQ(walked->error_code, ErrorCode::fetch_session_id_not_found);
  EXPECT_THAT(walked->partitions, IsEmpty());
}

TEST(Responses, fetch_keeps_what_came_before_the_fault) {
  Buffer body = from_hex(k_fetch_responses[0].hex);
  body.pop_back();  // the last partition's records
  FetchResponseReader reader(body, 4);
  std::vector<AbortedTransaction> aborted;
  EXPECT_TRUE(reader.next(aborted));
  EXPECT_TRUE(reader.next(aborted));
  EXPECT_TRUE(reader.ok());
  EXPECT_FALSE(reader.next(aborted));
  EXPECT_FALSE(reader.ok());
  EXPECT_FALSE(reader.next(aborted));
  EXPECT_FALSE(reader.ok());
}

TEST(Responses, list_offsets) {
  expect_golden_answer(k_list_offsets_responses, ApiKey::list_offsets, decode_list_offsets,
                       [](const ListOffsetsResponse& response, std::int16_t version) {
                         EXPECT_EQ(response.throttle_ms, version >= 2 ? 30 : 0);
                         ASSERT_EQ(response.partitions.size(), 3u);
                         const ListedOffset& end = response.partitions[0];
                         EXPECT_EQ(end.topic, "orders");
                         EXPECT_EQ(end.partition, Partition{0});
                         EXPECT_EQ(end.error_code, ErrorCode::none);
                         EXPECT_EQ(end.timestamp_ms, -1);
                         EXPECT_EQ(end.position, Position{2000});
                         EXPECT_EQ(end.leader_epoch, version >= 4 ? 5 : -1);
                         EXPECT_EQ(response.partitions[1].topic, "orders");
                         EXPECT_EQ(response.partitions[1].partition, Partition{3});
                         EXPECT_EQ(response.partitions[1].error_code, ErrorCode::not_leader_or_follower);
                         const ListedOffset& by_time = response.partitions[2];
                         EXPECT_EQ(by_time.topic, "events");
                         EXPECT_EQ(by_time.timestamp_ms, 1'700'000'000'001);
                         EXPECT_EQ(by_time.position, Position{k_far});
                       });
}

TEST(Responses, offset_commit) {
  expect_golden_answer(k_offset_commit_responses, ApiKey::offset_commit, decode_offset_commit,
                       [](const OffsetCommitResponse& response, std::int16_t version) {
                         EXPECT_EQ(response.throttle_ms, version >= 3 ? 30 : 0);
                         ASSERT_EQ(response.partitions.size(), 3u);
                         EXPECT_EQ(response.partitions[0].topic, "orders");
                         EXPECT_EQ(response.partitions[0].error_code, ErrorCode::none);
                         EXPECT_EQ(response.partitions[1].topic, "orders");
                         EXPECT_EQ(response.partitions[1].partition, Partition{3});
                         EXPECT_EQ(response.partitions[1].error_code, ErrorCode::illegal_generation);
                         EXPECT_EQ(response.partitions[2].topic, "events");
                         EXPECT_EQ(response.partitions[2].partition, Partition{1});
                       });
}

TEST(Responses, offset_fetch) {
  expect_golden_answer(k_offset_fetch_responses, ApiKey::offset_fetch, decode_offset_fetch,
                       [](const OffsetFetchResponse& response, std::int16_t version) {
                         EXPECT_EQ(response.throttle_ms, version >= 3 ? 30 : 0);
                         EXPECT_EQ(response.error_code, ErrorCode::none);
                         ASSERT_EQ(response.partitions.size(), 3u);
                         const CommittedOffset& entry = response.partitions[0];
                         EXPECT_EQ(entry.topic, "orders");
                         EXPECT_EQ(entry.partition, Partition{0});
                         EXPECT_EQ(entry.error_code, ErrorCode::none);
                         EXPECT_EQ(entry.position, Position{1000});
                         EXPECT_EQ(entry.leader_epoch, version >= 5 ? 5 : -1);
                         EXPECT_EQ(entry.metadata, "p1;2000");
                         EXPECT_EQ(response.partitions[1].position, Position{-1});
                         EXPECT_EQ(response.partitions[1].metadata, "");
                         EXPECT_EQ(response.partitions[2].topic, "events");
                         EXPECT_EQ(response.partitions[2].metadata, "");
                         EXPECT_EQ(response.partitions[2].error_code,
                                   ErrorCode::coordinator_load_in_progress);
                       });
}

TEST(Responses, offset_fetch_refused_as_a_whole) {
  const Buffer body = from_hex(
      "00000000"
      "00000000"
      "001e");
  const auto response = decode_offset_fetch(body, 5);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->error_code, ErrorCode::group_authorization_failed);
}

TEST(Responses, metadata) {
  expect_golden_answer(k_metadata_responses, ApiKey::metadata, decode_metadata,
                       [](const MetadataResponse& response, std::int16_t version) {
                         EXPECT_EQ(response.throttle_ms, 30);
                         ASSERT_EQ(response.brokers.size(), 2u);
                         EXPECT_EQ(response.brokers[0].id, BrokerId{1});
                         EXPECT_EQ(response.brokers[0].host, "a.example");
                         EXPECT_EQ(response.brokers[1].host, "b");
                         EXPECT_EQ(response.brokers[1].port, 9093);
                         ASSERT_EQ(response.topics.size(), 2u);
                         EXPECT_EQ(response.topics[0].name, "orders");
                         EXPECT_EQ(response.topics[0].error_code, ErrorCode::none);
                         EXPECT_EQ(to_hex(response.topics[0].id),
                                   version >= 10 ? "0123456789abcdef0011223344556677" : "");
                         EXPECT_EQ(to_hex(response.topics[1].id), std::string(version >= 10 ? 32 : 0, '0'));
                         ASSERT_EQ(response.topics[0].partitions.size(), 2u);
                         const PartitionMetadata& led = response.topics[0].partitions[0];
                         EXPECT_EQ(led.partition, Partition{1});
                         EXPECT_EQ(led.leader, BrokerId{2});
                         EXPECT_EQ(led.leader_epoch, version >= 7 ? 5 : -1);
                         const PartitionMetadata& orphan = response.topics[0].partitions[1];
                         EXPECT_EQ(orphan.error_code, ErrorCode::leader_not_available);
                         EXPECT_EQ(orphan.leader, BrokerId{-1});
                         EXPECT_EQ(response.topics[1].name, "events");
                         EXPECT_EQ(response.topics[1].error_code, ErrorCode::unknown_topic_or_partition);
                         EXPECT_THAT(response.topics[1].partitions, IsEmpty());
                       });
}

TEST(Responses, metadata_steps_over_tagged_fields) {
  // One tagged field, of 2 bytes, behind a broker, and another behind the whole.
  const Buffer body = from_hex(
      "00000000"
      "02"
      "00000001"
      "0262"
      "00002385"
      "00"
      "010502abcd"
      "00"
      "ffffffff"
      "01"
      "010502abcd");
  const auto response = decode_metadata(body, 12);
  ASSERT_TRUE(response.ok());
  ASSERT_EQ(response->brokers.size(), 1u);
  EXPECT_EQ(response->brokers[0].host, "b");
  EXPECT_EQ(response->brokers[0].port, 9093);
}

TEST(Responses, offset_for_leader_epoch) {
  expect_golden_answer(k_offset_for_leader_epoch_responses, ApiKey::offset_for_leader_epoch,
                       decode_offset_for_leader_epoch,
                       [](const OffsetForLeaderEpochResponse& response, std::int16_t) {
                         EXPECT_EQ(response.throttle_ms, 30);
                         ASSERT_EQ(response.partitions.size(), 3u);
                         const EpochEnd& first = response.partitions[0];
                         EXPECT_EQ(first.topic, "orders");
                         EXPECT_EQ(first.partition, Partition{0});
                         EXPECT_EQ(first.error_code, ErrorCode::none);
                         EXPECT_EQ(first.leader_epoch, 5);
                         EXPECT_EQ(first.end, Position{k_far});
                         const EpochEnd& fenced = response.partitions[1];
                         EXPECT_EQ(fenced.partition, Partition{3});
                         EXPECT_EQ(fenced.error_code, ErrorCode::fenced_leader_epoch);
                         EXPECT_EQ(fenced.leader_epoch, k_no_leader_epoch);
                         EXPECT_EQ(fenced.end, Position{-1});
                         EXPECT_EQ(response.partitions[2].topic, "events");
                         EXPECT_EQ(response.partitions[2].end, Position{17});
                       });
}

TEST(Responses, leave_group) {
  expect_golden_answer(k_leave_group_responses, ApiKey::leave_group, decode_leave_group,
                       [](const LeaveGroupResponse& response, std::int16_t) {
                         EXPECT_EQ(response.throttle_ms, 30);
                         EXPECT_EQ(response.error_code, ErrorCode::none);
                         EXPECT_THAT(response.member_codes, ElementsAre(ErrorCode::unknown_member_id));
                       });
}

TEST(Responses, find_coordinator) {
  expect_golden_answer(k_find_coordinator_responses, ApiKey::find_coordinator, decode_find_coordinator,
                       [](const FindCoordinatorResponse& response, std::int16_t version) {
                         EXPECT_EQ(response.throttle_ms, version >= 1 ? 30 : 0);
                         EXPECT_EQ(response.error_code, ErrorCode::none);
                         EXPECT_EQ(response.error_text, "");
                         EXPECT_EQ(response.coordinator.id, BrokerId{2});
                         EXPECT_EQ(response.coordinator.host, "b.example");
                         EXPECT_EQ(response.coordinator.port, 9093);
                       });
}

TEST(Responses, api_versions) {
  expect_golden_answer(k_api_versions_responses, ApiKey::api_versions, decode_api_versions,
                       [](const ApiVersionsResponse& response, std::int16_t version) {
                         EXPECT_EQ(response.error_code, ErrorCode::none);
                         EXPECT_EQ(response.throttle_ms, version >= 1 ? 30 : 0);
                         EXPECT_EQ(response.versions.offered(ApiKey::fetch), (VersionRange{0, 10}));
                         EXPECT_EQ(response.versions.offered(ApiKey::offset_commit), (VersionRange{2, 9}));
                         EXPECT_EQ(response.versions.offered(ApiKey::metadata), VersionRange());
                       });
}

TEST(Responses, a_broker_without_version_3_answers_in_version_0) {
  const Buffer body = from_hex(
      "0023"
      "00000001"
      "0012"
      "0000"
      "0002");
  const auto response = decode_api_versions(body, 3);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->error_code, ErrorCode::unsupported_version);
  EXPECT_EQ(response->versions.highest_common(ApiKey::api_versions), 2);
}

TEST(Responses, api_versions_steps_over_tagged_fields) {
  // One entry with a tagged field of 2 bytes, and one behind the whole.
  const Buffer body = from_hex(
      "0000"
      "02"
      "00010004000b"
      "01"
      "05"
      "02"
      "abcd"
      "00000000"
      "01"
      "00"
      "01"
      "ff");
  const auto response = decode_api_versions(body, 3);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->versions.offered(ApiKey::fetch), (VersionRange{4, 11}));
}

TEST(Responses, sasl) {
  expect_golden_answer(k_sasl_handshake_responses, ApiKey::sasl_handshake, decode_sasl_handshake,
                       [](const SaslHandshakeResponse& response, std::int16_t) {
                         EXPECT_EQ(response.error_code, ErrorCode::unsupported_sasl_mechanism);
                         EXPECT_THAT(response.mechanisms, ElementsAre("PLAIN", "OAUTHBEARER"));
                       });
  expect_golden_answer(k_sasl_authenticate_responses, ApiKey::sasl_authenticate, decode_sasl_authenticate,
                       [](const SaslAuthenticateResponse& response, std::int16_t version) {
                         EXPECT_EQ(response.error_code, ErrorCode::sasl_authentication_failed);
                         EXPECT_EQ(response.error_text, "no");
                         EXPECT_EQ(as_text(response.message), "v=1");
                         EXPECT_EQ(response.session_lifetime_ms, version >= 1 ? 3'600'000 : 0);
                       });
}

// A count of two thousand million in front of nothing must not reserve memory for them.
TEST(Responses, counts_are_held_against_what_remains) {
  const Buffer many = from_hex(
      "00000000"
      "7fffffff"
      "00000000");
  EXPECT_FALSE(decode_metadata(many, 7).ok());
  EXPECT_FALSE(decode_metadata(from_hex("00000000"
                                        "ffffffff0f"
                                        "00000000"),
                               12)
                   .ok());
  EXPECT_FALSE(decode_offset_for_leader_epoch(many, 3).ok());
  EXPECT_FALSE(decode_leave_group(from_hex("00000000"
                                           "0000"
                                           "7fffffff"
                                           "0000"),
                                  3)
                   .ok());
  EXPECT_FALSE(decode_offset_fetch(many, 5).ok());
  EXPECT_FALSE(decode_offset_commit(many, 7).ok());
  EXPECT_FALSE(decode_list_offsets(many, 5).ok());
  EXPECT_FALSE(walk_fetch(many, 4).ok());
  EXPECT_FALSE(decode_sasl_handshake(from_hex("0000"
                                              "7fffffff"),
                                     1)
                   .ok());
  EXPECT_FALSE(decode_api_versions(from_hex("0000"
                                            "7fffffff"),
                                   0)
                   .ok());
  EXPECT_FALSE(decode_api_versions(from_hex("0000"
                                            "ffffffff0f"),
                                   3)
                   .ok());
  EXPECT_FALSE(decode_api_versions(from_hex("0000"
                                            "01"
                                            "00000000"
                                            "ffffffff0f"),
                                   3)
                   .ok());
}

// No byte of a response, whatever it is changed to, makes a decoder crash or read outside; what it then gives
// is another matter.
TEST(Responses, any_changed_byte_is_survived) {
  const auto change_every_byte = [](std::span<const Golden> rows, auto decode) {
    for (const Golden& row : rows) {
      Buffer body = from_hex(row.hex);
      for (std::byte& byte : body) {
        const std::byte before = byte;
        for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
          byte = static_cast<std::byte>(value);
          static_cast<void>(decode(Bytes(body), row.version).ok());
        }
        byte = before;
      }
    }
  };
  change_every_byte(k_fetch_responses, walk_fetch);
  change_every_byte(k_list_offsets_responses, decode_list_offsets);
  change_every_byte(k_offset_commit_responses, decode_offset_commit);
  change_every_byte(k_offset_fetch_responses, decode_offset_fetch);
  change_every_byte(k_metadata_responses, decode_metadata);
  change_every_byte(k_offset_for_leader_epoch_responses, decode_offset_for_leader_epoch);
  change_every_byte(k_leave_group_responses, decode_leave_group);
  change_every_byte(k_find_coordinator_responses, decode_find_coordinator);
  change_every_byte(k_api_versions_responses, decode_api_versions);
  change_every_byte(k_sasl_handshake_responses, decode_sasl_handshake);
  change_every_byte(k_sasl_authenticate_responses, decode_sasl_authenticate);
}

}  // namespace
}  // namespace penstock::wire
