#include "crypto/hash.h"

#include <climits>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"

namespace penstock::crypto {

namespace {

const unsigned char* octets(Bytes bytes) {
  // OpenSSL takes a null key to mean the key of the call before.
  static const unsigned char empty = 0;
  return bytes.empty() ? &empty : reinterpret_cast<const unsigned char*>(bytes.data());
}

const EVP_MD* function_of(HashFunction function) {
  return function == HashFunction::sha256 ? EVP_sha256() : EVP_sha512();
}

std::size_t digest_bytes_of(HashFunction function) {
  return function == HashFunction::sha256 ? 32 : 64;
}

void digest_into(MutableBytes out, const EVP_MD* function, Bytes message) {
  unsigned int bytes = 0;
  const int done = EVP_Digest(octets(message), message.size(), reinterpret_cast<unsigned char*>(out.data()),
                              &bytes, function, nullptr);
  CHECK(done == 1);
  CHECK(bytes == out.size());
}

void hmac_into(MutableBytes out, const EVP_MD* function, Bytes key, Bytes message) {
  CHECK(key.size() <= static_cast<std::size_t>(INT_MAX));
  unsigned int bytes = 0;
  const unsigned char* done = HMAC(function, octets(key), static_cast<int>(key.size()), octets(message),
                                   message.size(), reinterpret_cast<unsigned char*>(out.data()), &bytes);
  CHECK((done != nullptr));
  CHECK(bytes == out.size());
}

}  // namespace

// No input can make these fail. What the CHECKs below would find is an OpenSSL without SHA-2.

Sha256 sha256(Bytes message) {
  Sha256 out;
  digest_into(out, EVP_sha256(), message);
  return out;
}

Sha256 hmac_sha256(Bytes key, Bytes message) {
  Sha256 out;
  hmac_into(out, EVP_sha256(), key, message);
  return out;
}

std::vector<std::byte> digest(HashFunction function, Bytes message) {
  std::vector<std::byte> out(digest_bytes_of(function));
  digest_into(out, function_of(function), message);
  return out;
}

std::vector<std::byte> hmac(HashFunction function, Bytes key, Bytes message) {
  std::vector<std::byte> out(digest_bytes_of(function));
  hmac_into(out, function_of(function), key, message);
  return out;
}

std::vector<std::byte> pbkdf2(HashFunction function, Bytes password, Bytes salt, std::uint32_t iterations) {
  CHECK(iterations >= 1u);
  CHECK(iterations <= static_cast<std::uint32_t>(INT_MAX));
  CHECK(password.size() <= static_cast<std::size_t>(INT_MAX));
  CHECK(salt.size() <= static_cast<std::size_t>(INT_MAX));
  std::vector<std::byte> out(digest_bytes_of(function));
  const int done = PKCS5_PBKDF2_HMAC(
      reinterpret_cast<const char*>(octets(password)), static_cast<int>(password.size()), octets(salt),
      static_cast<int>(salt.size()), static_cast<int>(iterations), function_of(function),
      static_cast<int>(out.size()), reinterpret_cast<unsigned char*>(out.data()));
  CHECK(done == 1);
  return out;
}

bool equal_in_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && CRYPTO_memcmp(octets(a), octets(b), a.size()) == 0;
}

}  // namespace penstock::crypto
