#include "crypto/certificate.h"

#include <string_view>

#include <gtest/gtest.h>

#include "unit/crypto/certificates.h"

namespace penstock::crypto {
namespace {

TEST(RefusedCertificate, is_told_alike_from_a_certificate_and_from_its_der) {
  const Identity made = make_identity({.subject = "broker", .names = "DNS:a.example,IP:127.0.0.1"}, nullptr);
  unsigned char* der = nullptr;
  const int size = i2d_X509(made.certificate.get(), &der);
  ASSERT_GT(size, 0);
  const RefusedCertificate of_der = refused_certificate(
      62, as_bytes(std::string_view(reinterpret_cast<char*>(der), static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  const RefusedCertificate of_x509 = refused_certificate(62, made.certificate.get());
  for (const RefusedCertificate& refused : {of_der, of_x509}) {
    EXPECT_EQ(refused.verify_result, 62);
    EXPECT_EQ(refused.subject, "CN = broker");
    EXPECT_EQ(refused.names, "a.example, 127.0.0.1");
    EXPECT_NE(refused.until, "");
  }
}

TEST(RefusedCertificate, without_a_certificate_has_its_reason_alone) {
  for (const std::string_view der : {"", "no certificate"}) {
    const RefusedCertificate refused = refused_certificate(20, as_bytes(der));
    EXPECT_EQ(refused.verify_result, 20);
    EXPECT_EQ(refused.subject + refused.names + refused.until, "");
  }
}

}  // namespace
}  // namespace penstock::crypto
