#include "source/bearer_token.h"

#include <cstdio>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/types.h"

namespace penstock::source {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const WallTime k_now{std::chrono::seconds(1'790'000'000)};  // 2026-09-21T14:13:20Z

std::string base64url(std::string_view text) {
  std::string out = base64_encode(as_bytes(text));
  out.erase(out.find_last_not_of('=') + 1);
  for (char& c : out) {
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return out;
}

std::string token_of(std::string_view claims, std::string_view signature = "c2lnbmF0dXJl") {
  return base64url(R"({"alg":"none"})") + "." + base64url(claims) + "." + std::string(signature);
}

Error refused(const std::string& written) {
  const auto token = parse_bearer_token(written, "/run/token", k_now);
  EXPECT_FALSE(token.ok()) << written;
  return token.ok() ? Error() : token.error();
}

TEST(BearerToken, is_read_for_its_subject_and_its_end) {
  // The text has '?' and '>' where base64 has its two letters that base64url writes otherwise.
  const std::string text = token_of(R"({"sub":"a?~?>>b","exp":1790000060.5,"aud":["x"]})");
  ASSERT_THAT(text, HasSubstr("_"));
  const auto token = parse_bearer_token("\n " + text + " \r\n", "/run/token", k_now);
  ASSERT_TRUE(token.ok()) << token.error().message;
  EXPECT_EQ(token->text, text);
  EXPECT_EQ(token->principal, "a?~?>>b");
  EXPECT_EQ(token->expires, k_now + std::chrono::milliseconds(60'500));
}

TEST(BearerToken, may_have_no_signature_and_no_subject) {
  const auto token = parse_bearer_token(token_of(R"({"exp":1790000001})", ""), "/run/token", k_now);
  ASSERT_TRUE(token.ok()) << token.error().message;
  EXPECT_EQ(token->principal, "unnamed");
}

TEST(BearerToken, that_has_expired_is_named_by_file_and_time) {
  const Error error = refused(token_of(R"({"sub":"a","exp":1789999700})"));
  EXPECT_EQ(error.kind, ErrorKind::unauthenticated);
  EXPECT_EQ(error.action, Action::give_up);
  EXPECT_THAT(error.message, AllOf(HasSubstr("/run/token has expired at 2026-09-21T14:08:20Z, 5m ago"),
                                   Not(HasSubstr("eyJ"))));
  EXPECT_EQ(refused(token_of(R"({"exp":1790000000})")).code, "token expired") << "its last second is over";
}

TEST(BearerToken, is_not_just_anything) {
  const struct {
    std::string written;
    const char* why;
  } rows[] = {
      {" \n", "it is empty"},
      {"hunter2", "three parts in base64url"},
      {"hunter2.hunter2", "three parts in base64url"},
      {"hunter2.e30.a.b", "three parts in base64url"},
      {"hunter2.e30.sig\x01", "three parts in base64url"},
      {"hunter 2.e30.", "three parts in base64url"},
      {"hunter2.e.", "no JSON object"},
      {"hunter2." + base64url("[1]") + ".", "no JSON object"},
      {token_of(R"({"sub":"hunter2"})"), "does not say when it expires"},
      {token_of(R"({"exp":"1790000060"})"), "does not say when it expires"},
      {token_of(R"({"exp":-1})"), "does not say when it expires"},
      {token_of(R"({"exp":1e300})"), "does not say when it expires"},
  };
  for (const auto& row : rows) {
    const Error error = refused(row.written);
    EXPECT_THAT(error.message, AllOf(HasSubstr("/run/token holds no JSON Web Token"), HasSubstr(row.why),
                                     Not(HasSubstr("hunter"))));
    EXPECT_EQ(error.kind, ErrorKind::unauthenticated);
    EXPECT_EQ(error.action, Action::give_up);
  }
}

TEST(BearerToken, file_is_read_anew_by_every_login) {
  const std::string file = ::testing::TempDir() + "bearer_token_test." + std::to_string(::getpid());
  Auth auth;
  auth.type = AuthType::oauthbearer;
  auth.token_file = file;
  const TokenReader read_token = token_reader(auth);

  const auto absent = read_token();
  ASSERT_FALSE(absent.ok());
  EXPECT_THAT(absent.error().message, AllOf(HasSubstr(file), HasSubstr("No such file")));
  EXPECT_EQ(absent.error().kind, ErrorKind::unauthenticated);

  for (const char* name : {"first", "second"}) {
    const std::string text = token_of(std::string(R"({"exp":4000000000,"sub":")") + name + "\"}");
    std::ofstream(file) << text << '\n';
    const auto token = read_token();
    ASSERT_TRUE(token.ok()) << token.error().message;
    EXPECT_EQ(token->text, text);
    EXPECT_EQ(token->principal, name);
  }

  std::ofstream(file) << std::string(70'000, 'a');
  EXPECT_THAT(read_token().error().message, HasSubstr("more than 64KiB"));
  std::remove(file.c_str());
}

TEST(BearerToken, is_asked_for_by_its_own_type_alone) {
  Auth auth;
  auth.token_file = "/x";
  auth.type = AuthType::sasl_plain;
  EXPECT_FALSE(token_reader(auth));
  auth.type = AuthType::oauthbearer;
  EXPECT_TRUE(token_reader(auth));
}

}  // namespace
}  // namespace penstock::source
