#include "wire/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/wire/hex.h"

namespace penstock::wire {
namespace {

using ::testing::HasSubstr;

TEST(ResponseFrame, is_a_size_a_correlation_id_and_a_body) {
  const auto size = response_size(from_hex("00000006"));
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(*size, 6u);
  const Buffer frame = from_hex(
      "00000007"
      "abcd");
  const auto opened = open_response(frame, ApiKey::fetch, 11);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->correlation_id, 7);
  EXPECT_EQ(to_hex(opened->body), "abcd");
}

TEST(ResponseFrame, of_a_flexible_response_has_tagged_fields_but_for_api_versions) {
  const Buffer frame = from_hex(
      "00000007"
      "01"
      "05"
      "02"
      "ffff"
      "abcd");
  const auto opened = open_response(frame, ApiKey::metadata, 9);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(to_hex(opened->body), "abcd");
  EXPECT_EQ(to_hex(open_response(frame, ApiKey::metadata, 8)->body), "010502ffffabcd");
  EXPECT_EQ(to_hex(open_response(frame, ApiKey::api_versions, 3)->body), "010502ffffabcd");
  EXPECT_FALSE(open_response(from_hex("0000000701"), ApiKey::metadata, 12).ok()) << "cut in its header";
}

TEST(ResponseFrame, sizes_that_cannot_be_are_refused) {
  for (const char* hex : {"00000003", "00000000", "ffffffff", "80000000", "000000"}) {
    const auto size = response_size(from_hex(hex));
    ASSERT_FALSE(size.ok()) << hex;
    EXPECT_EQ(size.error().kind, ErrorKind::corrupt);
    EXPECT_THAT(size.error().message, HasSubstr("source.tls"));
  }
  EXPECT_TRUE(response_size(from_hex("00000004")).ok());
}

TEST(ResponseFrame, a_limit_that_is_overstepped_is_told_with_both_sizes) {
  EXPECT_NE(response_too_large(0x48545450, 100).message.find("HTTP server"), std::string::npos);
  EXPECT_NE(response_too_large(0x15030300, 100).message.find("wants TLS: write"), std::string::npos);
  EXPECT_NE(response_too_large(0x15030100, 100).message.find("wants TLS: write"), std::string::npos);
  const Error error = response_too_large(101, 100);
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_EQ(error.action, Action::retry);
  EXPECT_THAT(error.message, HasSubstr("101 bytes is announced, above the limit of 100"));
  EXPECT_THAT(error.message, HasSubstr("source.tls"));
}

TEST(ResponseFrame, without_room_for_its_header_is_refused) {
  EXPECT_FALSE(open_response(from_hex("000000"), ApiKey::fetch, 11).ok());
}

TEST(ApiVersionsTable, gives_the_highest_version_that_both_know) {
  ApiVersions versions;
  EXPECT_EQ(versions.highest_common(ApiKey::fetch), std::nullopt) << "not named by the broker";
  const struct {
    VersionRange offered;
    std::optional<std::int16_t> highest;
  } rows[] = {
      {{0, 17}, 13}, {{0, 11}, 11},          {{0, 7}, 7},
      {{4, 4}, 4},   {{0, 3}, std::nullopt}, {{14, 17}, std::nullopt},
  };
  for (const auto& row : rows) {
    versions.set(ApiKey::fetch, row.offered);
    EXPECT_EQ(versions.highest_common(ApiKey::fetch), row.highest);
  }
  versions.set_raw(8, {0, 9});
  versions.set_raw(999, {0, 9});
  EXPECT_EQ(versions.highest_common(ApiKey::offset_commit), 7);
}

}  // namespace
}  // namespace penstock::wire
