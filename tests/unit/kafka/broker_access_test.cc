#include "kafka/broker_access.h"

#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/types.h"

namespace penstock::kafka {
namespace {

using ::testing::HasSubstr;

TEST(BrokerAccess, a_bearer_token_is_read_anew_at_every_login) {
  const std::string file = ::testing::TempDir() + "broker_access_test." + std::to_string(::getpid());
  source::ConsumerOptions options;
  options.auth.type = source::AuthType::oauthbearer;
  options.auth.token_file = file;
  const auto access = broker_access(options);
  ASSERT_TRUE(access.ok());
  EXPECT_EQ(access->credential().error().kind, ErrorKind::unauthenticated) << "there is no file yet";
  for (const std::string signature : {"first", "second"}) {
    // {"exp":4000000000}, whose base64 needs no padding.
    const std::string token = "e30." + base64_encode(as_bytes(R"({"exp":4000000000})")) + "." + signature;
    std::ofstream(file) << token << '\n';
    const auto credential = access->credential();
    ASSERT_TRUE(credential.ok()) << credential.error().message;
    EXPECT_EQ(credential->mechanism, wire::SaslMechanism::oauthbearer);
    EXPECT_EQ(credential->secret, token);
  }
  std::remove(file.c_str());
}

TEST(BrokerAccess, a_token_of_entra_is_asked_for_at_every_login_and_a_refused_one_is_named) {
  source::ConsumerOptions options;
  options.auth.type = source::AuthType::entra;
  int logins = 0;
  std::vector<std::string> refused;
  options.auth.tokens = {
      .current = [&]() -> Result<source::BearerToken> {
        return source::BearerToken{
            .text = "token " + std::to_string(++logins), .principal = "entra", .expires = {}};
      },
      .refused = [&](const std::string& text, const std::function<void()>&) { refused.push_back(text); }};
  const auto access = broker_access(options);
  ASSERT_TRUE(access.ok());
  EXPECT_EQ(access->credential()->mechanism, wire::SaslMechanism::oauthbearer);
  EXPECT_EQ(access->credential()->secret, "token 2");
  access->refused("token 1");
  EXPECT_EQ(refused, std::vector<std::string>{"token 1"});
}

TEST(BrokerAccess, a_connection_string_is_a_password_without_what_came_with_pasting) {
  source::ConsumerOptions options;
  options.auth.type = source::AuthType::event_hubs;
  options.auth.connection_string =
      " Endpoint=sb://x.servicebus.windows.net/;\n SharedAccessKeyName=l; SharedAccessKey=a2V5==;\r\n";
  const auto credential = broker_access(options)->credential();
  EXPECT_EQ(credential->secret,
            "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=l;SharedAccessKey=a2V5==");
}

TEST(WhyNotDirect, properties_that_only_librdkafkas_connections_follow_are_named) {
  source::ConsumerOptions options;
  options.passthrough = {{"session.timeout.ms", "10000"}};
  EXPECT_EQ(why_not_direct(options), "");
  options.passthrough["ssl.ciphers"] = "x";
  EXPECT_THAT(why_not_direct(options), HasSubstr("ssl.ciphers"));
}

}  // namespace
}  // namespace penstock::kafka
