#include "identity/client_assertion.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/types.h"
#include "codec/json_members.h"
#include "unit/crypto/certificates.h"

namespace penstock::identity {
namespace {

const ClientCertificate k_source{.authority = "https://login.microsoftonline.com",
                                 .tenant_id = "t1",
                                 .client_id = "c1",
                                 .certificate_file = "/etc/app.pem"};

std::string decoded(std::string_view part) {
  std::string text(part);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return std::string(as_text(base64_decode(text).value()));
}

TEST(ClientAssertion, is_a_token_for_the_token_endpoint) {
  const WallTime now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string pem = crypto::pem_with_key(
      crypto::make_identity({.subject = "app", .names = ""}, nullptr, crypto::Key(EVP_RSA_gen(2048))));
  const Result<std::string> assertion = client_assertion(k_source, pem, "id-1", now);
  ASSERT_TRUE(assertion.ok()) << assertion.error().message;
  const std::size_t first = assertion->find('.');
  const std::size_t second = assertion->find('.', first + 1);
  ASSERT_NE(second, std::string::npos);
  const auto header = codec::json_members(decoded(assertion->substr(0, first)));
  const auto claims = codec::json_members(decoded(assertion->substr(first + 1, second - first - 1)));
  ASSERT_TRUE(header && claims);
  EXPECT_EQ(header->texts.at("alg"), "PS256");
  EXPECT_EQ(header->texts.at("typ"), "JWT");
  EXPECT_EQ(header->texts.at("x5t#S256").size(), 44U) << "plain base64 of 32 bytes";
  EXPECT_EQ(claims->texts.at("aud"), "https://login.microsoftonline.com/t1/oauth2/v2.0/token");
  EXPECT_EQ(claims->texts.at("iss"), "c1");
  EXPECT_EQ(claims->texts.at("sub"), "c1");
  EXPECT_EQ(claims->texts.at("jti"), "id-1");
  EXPECT_EQ(claims->numbers.at("exp") - claims->numbers.at("nbf"), 600);
  EXPECT_EQ(claims->numbers.at("nbf"), std::chrono::duration<double>(now.time_since_epoch()).count());
}

TEST(ClientAssertion, a_certificate_that_is_none_or_past_is_named_by_its_file) {
  const WallTime now = std::chrono::system_clock::now();
  EXPECT_EQ(client_assertion(k_source, "", "id", now)
                .error()
                .message.rfind("/etc/app.pem: holds no certificate", 0),
            0U);
  const std::string past = crypto::pem_with_key(crypto::make_identity(
      {.subject = "app", .names = "", .from = crypto::days{-9}, .until = crypto::days{-2}}, nullptr,
      crypto::Key(EVP_RSA_gen(2048))));
  EXPECT_NE(client_assertion(k_source, past, "id", now).error().message.find("has expired"),
            std::string::npos);
}

}  // namespace
}  // namespace penstock::identity
