#include "crypto/hash.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace penstock::crypto {
namespace {

std::string hex(const Sha256& digest) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest) {
    text += k_digits[std::to_integer<unsigned>(byte) >> 4];
    text += k_digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

TEST(Sha256, GivesTheDigestsOfFips180) {
  EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HmacSha256, GivesTheDigestsOfRfc4231) {
  struct Case {
    std::string key;
    std::string message;
    std::string digest;
  };
  const Case cases[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(hex(hmac_sha256(as_bytes(c.key), as_bytes(c.message))), c.digest) << c.message;
  }
}

}  // namespace
}  // namespace penstock::crypto
