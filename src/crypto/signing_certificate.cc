#include "crypto/signing_certificate.h"

#include <climits>
#include <cstdint>
#include <ctime>
#include <utility>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/check.h"
#include "crypto/freed.h"

namespace penstock::crypto {
namespace {

using BioPtr = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509, X509_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX, EVP_MD_CTX_free>>;

BioPtr read_from(std::string_view text) {
  return BioPtr(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key with a passphrase is refused, and not asked for at a terminal.
int refuse_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) {
  return -1;
}

Sha256 thumbprint_of(X509* certificate) {
  Sha256 thumbprint{};
  unsigned int bytes = 0;
  const int done =
      ::X509_digest(certificate, EVP_sha256(), reinterpret_cast<unsigned char*>(thumbprint.data()), &bytes);
  CHECK(done == 1);
  CHECK(bytes == thumbprint.size());
  return thumbprint;
}

std::int64_t expires_of(X509* certificate) {
  std::tm parts{};
  if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &parts) != 1) {
    return 0;
  }
  return static_cast<std::int64_t>(::timegm(&parts));
}

}  // namespace

void SigningCertificate::Free::operator()(evp_pkey_st* key) const {
  ::EVP_PKEY_free(key);
}

SigningCertificate::SigningCertificate(std::unique_ptr<evp_pkey_st, Free> key, const Sha256& thumbprint,
                                       std::int64_t expires)
    : key_(std::move(key)), thumbprint_(thumbprint), expires_(expires) {}

Result<SigningCertificate> SigningCertificate::parse(std::string_view pem) {
  if (pem.size() > INT_MAX) {
    return invalid_input("is too long for a certificate");
  }
  const BioPtr first = read_from(pem);
  const X509Ptr certificate(::PEM_read_bio_X509(first.get(), nullptr, refuse_passphrase, nullptr));
  const BioPtr second = read_from(pem);
  std::unique_ptr<evp_pkey_st, Free> key(
      ::PEM_read_bio_PrivateKey(second.get(), nullptr, refuse_passphrase, nullptr));
  ::ERR_clear_error();
  if (certificate == nullptr) {
    return invalid_input("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  }
  if (key == nullptr) {
    return invalid_input(
        "holds no private key in PEM that can be read without a passphrase (-----BEGIN PRIVATE KEY-----)");
  }
  if (::EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return invalid_input("holds a key that is not RSA: Entra takes RSA");
  }
  const int belongs = ::X509_check_private_key(certificate.get(), key.get());
  ::ERR_clear_error();
  if (belongs != 1) {
    return invalid_input("holds a private key that is not the certificate's");
  }
  return SigningCertificate(std::move(key), thumbprint_of(certificate.get()), expires_of(certificate.get()));
}

Result<std::vector<std::byte>> SigningCertificate::sign_ps256(Bytes message) const {
  const DigestPtr context(::EVP_MD_CTX_new());
  CHECK((context != nullptr));
  EVP_PKEY_CTX* options = nullptr;  // the context's own
  std::size_t bytes = 0;
  const auto* octets = reinterpret_cast<const unsigned char*>(message.data());
  bool ok = ::EVP_DigestSignInit(context.get(), &options, EVP_sha256(), nullptr, key_.get()) == 1 &&
            ::EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
            ::EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1 &&
            ::EVP_DigestSign(context.get(), nullptr, &bytes, octets, message.size()) == 1;
  std::vector<std::byte> signature(ok ? bytes : 0);
  ok = ok && ::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &bytes,
                              octets, message.size()) == 1;
  ::ERR_clear_error();
  if (!ok) {
    return invalid_input("cannot sign: the private key is too short, or OpenSSL refuses it");
  }
  signature.resize(bytes);
  return signature;
}

}  // namespace penstock::crypto
