#include "base/base64.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Base64, gives_the_texts_of_rfc4648_in_both_directions) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xfb\xff", "+/8="},
  };
  for (const auto& [plain, text] : cases) {
    EXPECT_EQ(base64_encode(as_bytes(plain)), text);
    const auto decoded = base64_decode(text);
    ASSERT_TRUE(decoded.ok()) << text;
    EXPECT_EQ(as_text(*decoded), plain);
  }
}

TEST(Base64, every_byte_survives_a_round_trip) {
  std::vector<std::byte> bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<std::byte>(i));
    const auto decoded = base64_decode(base64_encode(bytes));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(*decoded, bytes);
  }
}

TEST(Base64, refuses_what_is_not_strict) {
  for (const std::string_view text :
       {"Zg", "Zg=", "Z===", "====", "Zm9 ", "Zm9v\n", "Zm9_", "Z=9v", "Zh==", "Zm9=", "Zg==Zg=="}) {
    EXPECT_FALSE(base64_decode(text).ok()) << text;
  }
}

TEST(Base64, errors_never_show_the_text) {
  const auto decoded = base64_decode("secretkey!!!");
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.error().message, Not(HasSubstr("secret")));
  EXPECT_THAT(decoded.error().message, HasSubstr("character 10"));
}

}  // namespace
}  // namespace penstock
