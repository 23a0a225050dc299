// A certificate with its private key, which signs what its owner says of itself.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "crypto/hash.h"

struct evp_pkey_st;

namespace penstock::crypto {

class SigningCertificate {
 public:
  // PEM: the first certificate, and a private RSA key without a passphrase, in any order. Error
  // invalid_input, fatal: what is missing, or that the two do not belong together. It shows nothing of the
  // text.
  static Result<SigningCertificate> parse(std::string_view pem);

  // RSASSA-PSS over SHA-256 with a salt of 32 bytes (RFC 7518, PS256). Error: OpenSSL refuses (a key of less
  // than 1,024 bits).
  Result<std::vector<std::byte>> sign_ps256(Bytes message) const;

  // Of the certificate in DER.
  const Sha256& thumbprint() const { return thumbprint_; }

  // Seconds since 1970.
  std::int64_t expires() const { return expires_; }

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };

  SigningCertificate(std::unique_ptr<evp_pkey_st, Free> key, const Sha256& thumbprint, std::int64_t expires);

  std::unique_ptr<evp_pkey_st, Free> key_;
  Sha256 thumbprint_;
  std::int64_t expires_;
};

}  // namespace penstock::crypto
