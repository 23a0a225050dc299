#include "crypto/hash.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace penstock::crypto {
namespace {

std::string hex(Bytes digest) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest) {
    text += k_digits[std::to_integer<unsigned>(byte) >> 4];
    text += k_digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

TEST(Sha256, gives_the_digests_of_fips180) {
  EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HmacSha256, gives_the_digests_of_rfc4231) {
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

TEST(Digest, gives_the_digests_of_fips180) {
  EXPECT_EQ(hex(digest(HashFunction::sha256, as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(digest(HashFunction::sha512, as_bytes("abc"))),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Hmac, gives_the_digests_of_rfc4231) {
  const Bytes message = as_bytes("what do ya want for nothing?");
  EXPECT_EQ(hex(hmac(HashFunction::sha256, as_bytes("Jefe"), message)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac(HashFunction::sha512, as_bytes("Jefe"), message)),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

// Of RFC 7914, section 11: the first 32 bytes of its 64. The others are Python's hashlib's.
TEST(Pbkdf2, gives_the_keys_of_others) {
  EXPECT_EQ(hex(pbkdf2(HashFunction::sha256, as_bytes("passwd"), as_bytes("salt"), 1)),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  EXPECT_EQ(hex(pbkdf2(HashFunction::sha256, as_bytes("pencil"), as_bytes("NaCl"), 4096)),
            "45b4c001e16908ebf7c5fd588dbafae4920ea80aed2819664fdc76842268cc2c");
  EXPECT_EQ(hex(pbkdf2(HashFunction::sha512, as_bytes("pencil"), as_bytes("NaCl"), 4096)),
            "3160839726bdf455bf7547ac071dffcb0ca70047613b1650b55e47c263067970"
            "393ea81677a2896190024e87531f0b09da994075c8b01cd03509b63c77547a48");
  EXPECT_EQ(hex(pbkdf2(HashFunction::sha256, {}, {}, 2)),
            "97398411d6aea43a77acef92226ab8278d4db0668bd1d7a76a725f7680ac45c5");
}

TEST(EqualInConstantTime, compares_bytes_and_lengths) {
  EXPECT_TRUE(equal_in_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("abc"), as_bytes("ab")));
}

}  // namespace
}  // namespace penstock::crypto
