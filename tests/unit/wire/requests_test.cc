// Every request in every version, byte for byte as another implementation writes it.
#include <algorithm>
#include <string>
#include <vector>

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

template <class Encode, class Request>
std::string framed(ApiKey api, std::int16_t version, Encode encode, const Request& request) {
  Buffer out;
  const std::size_t begin = begin_request(out, api, version, 7, "penstock");
  encode(out, version, request);
  end_request(out, begin);
  return to_hex(out);
}

// Every row, and of every version that we claim to support there is one.
template <class Encode, class Request>
void expect_golden_request(std::span<const Golden> rows, ApiKey api, Encode encode, const Request& request) {
  for (const Golden& row : rows) {
    EXPECT_EQ(framed(api, row.version, encode, request), row.hex) << to_string(api) << " v" << row.version;
  }
}

void expect_every_version(std::span<const Golden> rows, ApiKey api) {
  const VersionRange ours = supported_versions(api);
  for (std::int16_t version = ours.lowest; version <= ours.highest; ++version) {
    EXPECT_TRUE(
        std::any_of(rows.begin(), rows.end(), [&](const Golden& row) { return row.version == version; }))
        << to_string(api) << " v" << version;
  }
}

TEST(Requests, fetch) {
  const TopicId orders = topic_id_of("0102030405060708090a0b0c0d0e0f10");
  const TopicId events = topic_id_of("1112131415161718191a1b1c1d1e1f20");
  const std::vector<FetchPartition> partitions = {
      {"orders", Partition{0}, Position{1000}, 5, 131'072, orders},
      {"orders", Partition{3}, Position{std::int64_t{1} << 33}, 6, 131'072, orders},
      {"events", Partition{1}, Position{0}, k_no_leader_epoch, 65'536, events},
  };
  const FetchRequest request{
      .wait_ms_max = 500, .bytes_min = 1024, .bytes_max = 1 << 20, .partitions = partitions};
  expect_golden_request(k_fetch_requests, ApiKey::fetch, encode_fetch, request);
  expect_every_version(k_fetch_requests, ApiKey::fetch);
}

TEST(Requests, a_topic_id_is_32_hex_digits_or_none) {
  EXPECT_EQ(to_hex(topic_id_of("00ff30405060708090a0b0c0d0e0f0aa")), "00ff30405060708090a0b0c0d0e0f0aa");
  for (const char* text :
       {"", "00", "00ff30405060708090a0b0c0d0e0f0ag", "00ff30405060708090a0b0c0d0e0f0aa00"}) {
    EXPECT_TRUE(topic_id_of(text) == k_no_topic_id) << text;
  }
}

TEST(Requests, list_offsets) {
  const std::vector<ListOffsetsPartition> partitions = {
      {"orders", Partition{0}, k_timestamp_end, 5},
      {"orders", Partition{3}, k_timestamp_start, k_no_leader_epoch},
      {"events", Partition{1}, 1'700'000'000'000, 6},
  };
  expect_golden_request(k_list_offsets_requests, ApiKey::list_offsets, encode_list_offsets,
                        ListOffsetsRequest{partitions});
  expect_every_version(k_list_offsets_requests, ApiKey::list_offsets);
}

TEST(Requests, offset_commit) {
  const std::vector<OffsetCommitPartition> partitions = {
      {"orders", Partition{0}, Position{1000}, "p1;2000"},
      {"orders", Partition{3}, Position{std::int64_t{1} << 33}, ""},
      {"events", Partition{1}, Position{5}, std::nullopt},
  };
  OffsetCommitRequest request{
      .group = "lake", .generation = 12, .member_id = "m-1", .instance_id = "i-1", .partitions = partitions};
  expect_golden_request(k_offset_commit_requests, ApiKey::offset_commit, encode_offset_commit, request);
  expect_every_version(k_offset_commit_requests, ApiKey::offset_commit);
  request.instance_id = std::nullopt;
  expect_golden_request(k_offset_commit_requests_of_a_dynamic_member, ApiKey::offset_commit,
                        encode_offset_commit, request);
  const std::vector<OffsetCommitPartition> with_epoch = {
      {"orders", Partition{0}, Position{1000}, "p1;2000", 5}};
  expect_golden_request(k_offset_commit_requests_with_a_leader_epoch, ApiKey::offset_commit,
                        encode_offset_commit,
                        OffsetCommitRequest{.group = "lake",
                                            .generation = 12,
                                            .member_id = "m-1",
                                            .instance_id = "i-1",
                                            .partitions = with_epoch});
}

TEST(Requests, offset_for_leader_epoch) {
  const std::vector<EpochPartition> partitions = {
      {"orders", Partition{0}, 7, 5},
      {"orders", Partition{3}, k_no_leader_epoch, 0},
      {"events", Partition{1}, 2, 2},
  };
  expect_golden_request(k_offset_for_leader_epoch_requests, ApiKey::offset_for_leader_epoch,
                        encode_offset_for_leader_epoch, OffsetForLeaderEpochRequest{partitions});
  expect_every_version(k_offset_for_leader_epoch_requests, ApiKey::offset_for_leader_epoch);
}

TEST(Requests, leave_group) {
  LeaveGroupRequest request{.group = "lake", .member_id = "m-1", .instance_id = "i-1"};
  expect_golden_request(k_leave_group_requests, ApiKey::leave_group, encode_leave_group, request);
  expect_every_version(k_leave_group_requests, ApiKey::leave_group);
  request.instance_id = std::nullopt;
  expect_golden_request(k_leave_group_requests_of_a_dynamic_member, ApiKey::leave_group, encode_leave_group,
                        request);
}

TEST(Requests, offset_fetch) {
  const std::vector<OffsetFetchPartition> partitions = {
      {"orders", Partition{0}}, {"orders", Partition{3}}, {"events", Partition{1}}};
  expect_golden_request(k_offset_fetch_requests, ApiKey::offset_fetch, encode_offset_fetch,
                        OffsetFetchRequest{"lake", partitions});
  expect_every_version(k_offset_fetch_requests, ApiKey::offset_fetch);
}

TEST(Requests, metadata) {
  const std::vector<std::string_view> topics = {"orders", "events"};
  expect_golden_request(k_metadata_requests, ApiKey::metadata, encode_metadata, MetadataRequest{topics});
  expect_every_version(k_metadata_requests, ApiKey::metadata);
}

TEST(Requests, find_coordinator) {
  expect_golden_request(k_find_coordinator_requests, ApiKey::find_coordinator, encode_find_coordinator,
                        FindCoordinatorRequest{"lake"});
  expect_every_version(k_find_coordinator_requests, ApiKey::find_coordinator);
}

TEST(Requests, api_versions) {
  expect_golden_request(k_api_versions_requests, ApiKey::api_versions, encode_api_versions,
                        ApiVersionsRequest{"penstock", "0.1.0"});
  expect_every_version(k_api_versions_requests, ApiKey::api_versions);
}

TEST(Requests, sasl) {
  expect_golden_request(k_sasl_handshake_requests, ApiKey::sasl_handshake, encode_sasl_handshake,
                        SaslHandshakeRequest{"SCRAM-SHA-256"});
  expect_every_version(k_sasl_handshake_requests, ApiKey::sasl_handshake);
  expect_golden_request(k_sasl_authenticate_requests, ApiKey::sasl_authenticate, encode_sasl_authenticate,
                        SaslAuthenticateRequest{as_bytes("n,,n=u")});
  expect_every_version(k_sasl_authenticate_requests, ApiKey::sasl_authenticate);
}

TEST(Requests, stand_one_behind_the_other_in_a_buffer) {
  Buffer out;
  const std::size_t first = begin_request(out, ApiKey::sasl_handshake, 1, 1, "");
  encode_sasl_handshake(out, 1, {"PLAIN"});
  end_request(out, first);
  const std::size_t second = begin_request(out, ApiKey::find_coordinator, 0, 2, "");
  encode_find_coordinator(out, 0, {"g"});
  end_request(out, second);
  EXPECT_EQ(to_hex(out),
            "00000011"
            "00110001"
            "00000001"
            "0000"
            "0005504c41494e"  //
            "0000000d"
            "000a0000"
            "00000002"
            "0000"
            "000167");
}

}  // namespace
}  // namespace penstock::wire
