#include "crypto/signing_certificate.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "unit/crypto/certificates.h"

namespace penstock::crypto {
namespace {

bool is_ps256(const Identity& identity, Bytes message, Bytes signature) {
  const std::unique_ptr<EVP_MD_CTX, FreedBy<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  return EVP_DigestVerifyInit(context.get(), &options, EVP_sha256(), nullptr, identity.key.get()) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                          message.size()) == 1;
}

Identity rsa_identity() {
  return make_identity({.subject = "app", .names = ""}, nullptr, Key(EVP_RSA_gen(2048)));
}

TEST(SigningCertificate, signs_what_others_verify) {
  const Identity identity = rsa_identity();
  const auto certificate = SigningCertificate::parse(pem_with_key(identity));
  ASSERT_TRUE(certificate.ok()) << certificate.error().message;
  const auto signature = certificate->sign_ps256(as_bytes("header.claims"));
  ASSERT_TRUE(signature.ok());
  EXPECT_TRUE(is_ps256(identity, as_bytes("header.claims"), *signature));
  EXPECT_FALSE(is_ps256(identity, as_bytes("header.claimz"), *signature));
}

TEST(SigningCertificate, its_thumbprint_is_of_the_der) {
  const Identity identity = rsa_identity();
  unsigned char* der = nullptr;
  const int bytes = i2d_X509(identity.certificate.get(), &der);
  const Sha256 expected =
      sha256(Bytes(reinterpret_cast<const std::byte*>(der), static_cast<std::size_t>(bytes)));
  OPENSSL_free(der);
  const auto certificate = SigningCertificate::parse(pem_with_key(identity));
  ASSERT_TRUE(certificate.ok());
  EXPECT_EQ(certificate->thumbprint(), expected);
  EXPECT_GT(certificate->expires(), std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

TEST(SigningCertificate, what_is_wrong_is_named_and_nothing_shown) {
  const std::string whole = pem_with_key(rsa_identity());
  const std::size_t key = whole.find("-----BEGIN PRIVATE KEY");
  const auto refusal = [](const std::string& pem) { return SigningCertificate::parse(pem).error().message; };
  EXPECT_NE(refusal("").find("no certificate"), std::string::npos);
  EXPECT_NE(refusal(whole.substr(key)).find("no certificate"), std::string::npos);
  EXPECT_NE(refusal(whole.substr(0, key)).find("no private key"), std::string::npos);
  EXPECT_NE(refusal(pem_with_key(make_identity({.subject = "ec", .names = ""}, nullptr))).find("not RSA"),
            std::string::npos);
  const std::string other = pem_with_key(rsa_identity());
  EXPECT_NE(refusal(whole.substr(0, key) + other.substr(other.find("-----BEGIN PRIVATE KEY")))
                .find("not the certificate's"),
            std::string::npos);
  const Identity encrypted = rsa_identity();
  const std::unique_ptr<BIO, FreedBy<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), encrypted.certificate.get());
  const unsigned char passphrase[] = "abc";
  PEM_write_bio_PrivateKey(bio.get(), encrypted.key.get(), EVP_aes_128_cbc(), passphrase, 3, nullptr,
                           nullptr);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  EXPECT_NE(refusal(std::string(text, static_cast<std::size_t>(length))).find("without a passphrase"),
            std::string::npos);
}

}  // namespace
}  // namespace penstock::crypto
