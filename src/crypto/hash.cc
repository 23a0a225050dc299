#include "crypto/hash.h"

#include <climits>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"

namespace penstock::crypto {

namespace {

const unsigned char* octets(Bytes bytes) {
  // OpenSSL takes a null key for "the key of last time".
  static const unsigned char empty = 0;
  return bytes.empty() ? &empty : reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

// Neither function has a failure that an input could cause: what is left is an OpenSSL without SHA-256.

Sha256 sha256(Bytes message) {
  Sha256 digest;
  unsigned int digest_bytes = 0;
  const int done =
      EVP_Digest(octets(message), message.size(), reinterpret_cast<unsigned char*>(digest.data()),
                 &digest_bytes, EVP_sha256(), nullptr);
  CHECK(done == 1);
  CHECK(digest_bytes == digest.size());
  return digest;
}

Sha256 hmac_sha256(Bytes key, Bytes message) {
  CHECK(key.size() <= static_cast<std::size_t>(INT_MAX));
  Sha256 digest;
  unsigned int digest_bytes = 0;
  const unsigned char* done =
      HMAC(EVP_sha256(), octets(key), static_cast<int>(key.size()), octets(message), message.size(),
           reinterpret_cast<unsigned char*>(digest.data()), &digest_bytes);
  CHECK((done != nullptr));
  CHECK(digest_bytes == digest.size());
  return digest;
}

}  // namespace penstock::crypto
