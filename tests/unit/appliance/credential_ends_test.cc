#include "appliance/credential_ends.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <variant>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "appliance/secret_credential.h"
#include "config/environment.h"
#include "config/load.h"

namespace penstock::appliance {
namespace {

constexpr WallTime k_now{std::chrono::seconds{1769817600}};  // 2026-01-31T00:00:00Z

config::Settings settings_with(const std::string& auth, const std::string& source_auth = "{type: none}") {
  const auto settings =
      config::load_text("name: x\nsource:\n  brokers: [b:1]\n  topics: [t]\n  auth: " + source_auth +
                            "\nsink:\n  url: https://a.blob.core.windows.net/lake\n  auth: " + auth + "\n",
                        "x.yaml", config::process_environment());
  EXPECT_TRUE(settings.ok()) << settings.error().message;
  return settings.ok() ? *settings : config::Settings{};
}

TEST(CredentialEnds, a_signature_that_is_past_or_not_yet_good_is_a_fault) {
  const Result<void> past = check_credential_times(
      settings_with("{type: sas, token: 'sv=1&se=2026-01-30T00:00:00Z&sig=x'}"), k_now);
  ASSERT_FALSE(past.ok());
  EXPECT_EQ(past.error().message.rfind(
                "x.yaml:8: sink.auth.token: holds a signature that has ended at 2026-01-30T00:00:00Z", 0),
            0U)
      << past.error().message;
  EXPECT_EQ(past.error().message.find("sig=x"), std::string::npos);
  EXPECT_FALSE(
      check_credential_times(settings_with("{type: sas, token: 'sv=1&st=2026-02-01&sig=x'}"), k_now).ok());
  EXPECT_TRUE(
      check_credential_times(settings_with("{type: sas, token: 'sv=1&se=2026-02-01&sig=x'}"), k_now).ok());
  EXPECT_TRUE(
      check_credential_times(settings_with("{type: sas, token: 'sv=1&si=policy&sig=x'}"), k_now).ok());
  EXPECT_FALSE(
      check_credential_times(
          settings_with("{type: connection-string, value: 'BlobEndpoint=https://a.blob.core.windows.net/;"
                        "SharedAccessSignature=sv=1&se=2026-01-30&sig=x'}"),
          k_now)
          .ok());
  EXPECT_FALSE(
      check_credential_times(
          settings_with("{type: sas, token: 'sv=1&sig=x'}",
                        "{type: connection-string, value: 'Endpoint=sb://n.servicebus.windows.net/;"
                        "SharedAccessSignature=SharedAccessSignature sr=x&sig=y&se=1769817599&skn=l'}"),
          k_now)
          .ok());
}

TEST(CredentialEnds, one_that_ends_within_a_week_is_warned_of) {
  EXPECT_TRUE(ends_soon(settings_with("{type: sas, token: 'sv=1&se=2026-02-20&sig=x'}"), k_now).empty());
  const auto soon = ends_soon(settings_with("{type: sas, token: 'sv=1&se=2026-02-03&sig=x'}"), k_now);
  ASSERT_EQ(soon.size(), 1U);
  EXPECT_TRUE(
      ends_soon(settings_with("{type: sas, token: 'sv=1&st=2026-01-30T12:00Z&se=2026-01-31T12:00Z&sig=x'}"),
                k_now)
          .empty())
      << "a day's signature, of which half is left";
  EXPECT_NE(soon[0].find("ends in 3 days, at 2026-02-03T00:00:00Z"), std::string::npos) << soon[0];
  EXPECT_NE(ends_soon(settings_with("{type: sas, token: 'sv=1&se=2026-01-30&sig=x'}"), k_now)
                .at(0)
                .find("has ended at"),
            std::string::npos);
}

class SecretCredentialTest : public testing::Test {
 protected:
  SecretCredentialTest() {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    write("sv=1&sig=one");
  }
  ~SecretCredentialTest() override { std::filesystem::remove_all(directory_); }

  void write(const std::string& text) const { std::ofstream(directory_ + "/sas", std::ios::trunc) << text; }

  SecretCredential made() const {
    const config::Secret secret =
        settings_with("{type: sas, token: '${file:" + directory_ + "/sas}'}").sink.auth.token;
    const auto parse = [](const std::string& text) -> Result<azure::Credential> {
      auto sas = azure::make_sas(text);
      return sas.ok() ? Result<azure::Credential>(*sas) : sas.error();
    };
    return {secret, parse, parse(secret.reveal()).value()};
  }

  static std::string token_of(SecretCredential& credential) {
    return std::get<azure::Sas>(credential.current().value()).token;
  }

  std::string directory_ = testing::TempDir() + "/penstock-credential-XXXXXX";
};

TEST_F(SecretCredentialTest, a_refusal_reads_the_secret_again) {
  SecretCredential credential = made();
  EXPECT_EQ(token_of(credential), "sv=1&sig=one");
  bool is_new = true;
  credential.refused(credential.current().value(), [&](bool found) { is_new = found; });
  EXPECT_FALSE(is_new) << "it is the same";
  write("sv=1&sig=two");
  credential.refused(credential.current().value(), [&](bool found) { is_new = found; });
  EXPECT_TRUE(is_new);
  EXPECT_EQ(token_of(credential), "sv=1&sig=two");
}

TEST_F(SecretCredentialTest, what_is_no_credential_leaves_the_one_before) {
  SecretCredential credential = made();
  write("half of a li");
  bool is_new = true;
  credential.refused(credential.current().value(), [&](bool found) { is_new = found; });
  EXPECT_FALSE(is_new);
  EXPECT_EQ(token_of(credential), "sv=1&sig=one");
  write("sv=1&sig=three");
  credential.refused(credential.current().value(), [&](bool found) { is_new = found; });
  EXPECT_TRUE(is_new);
  EXPECT_EQ(token_of(credential), "sv=1&sig=three");
}

}  // namespace
}  // namespace penstock::appliance
