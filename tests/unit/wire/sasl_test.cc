#include "wire/sasl.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::wire {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view k_nonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view k_server_first =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

SaslClient client(SaslMechanism mechanism, std::string user, std::string secret) {
  Result<SaslClient> made =
      SaslClient::make({mechanism, std::move(user), std::move(secret)}, std::string(k_nonce));
  EXPECT_TRUE(made.ok());
  return std::move(made).value();
}

SaslClient scram(SaslMechanism mechanism = SaslMechanism::scram_sha_256) {
  return client(mechanism, "user", "pencil");
}

// What next() gives as text; "(done)" or "(error)".
std::string said(SaslClient& client, std::string_view answer) {
  const auto message = client.next(as_bytes(answer));
  if (!message.ok()) {
    return "(error)";
  }
  return *message ? std::string(as_text(**message)) : "(done)";
}

Error failed(SaslClient& client, std::string_view answer) {
  const auto message = client.next(as_bytes(answer));
  EXPECT_FALSE(message.ok());
  return message.ok() ? Error() : message.error();
}

TEST(SaslPlain, is_one_message) {
  SaslClient plain = client(SaslMechanism::plain, "$ConnectionString", "Endpoint=sb://x/;Key=k");
  EXPECT_STREQ(to_string(plain.mechanism()), "PLAIN");
  using namespace std::string_view_literals;
  EXPECT_EQ(as_text(plain.first()), "\0$ConnectionString\0Endpoint=sb://x/;Key=k"sv);
  EXPECT_EQ(said(plain, ""), "(done)");
  EXPECT_EQ(failed(plain, "").kind, ErrorKind::corrupt);
}

// RFC 7677, section 3.
TEST(SaslScram, sha_256_as_in_its_rfc) {
  SaslClient login = scram();
  EXPECT_EQ(as_text(login.first()), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(said(login, k_server_first),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_EQ(said(login, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), "(done)");
  EXPECT_EQ(failed(login, "").kind, ErrorKind::corrupt);
}

// The same exchange; no RFC has one, this one was calculated with Python's hashlib and hmac.
TEST(SaslScram, sha_512) {
  SaslClient login = scram(SaslMechanism::scram_sha_512);
  EXPECT_STREQ(to_string(login.mechanism()), "SCRAM-SHA-512");
  login.first();
  EXPECT_EQ(said(login, k_server_first),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==");
  EXPECT_EQ(
      said(login,
           "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="),
      "(done)");
}

TEST(SaslScram, names_are_escaped) {
  ScramClient login(crypto::HashFunction::sha256, "a=b,c", "pencil", "N");
  EXPECT_EQ(login.first_message(), "n,,n=a=3Db=2Cc,r=N");
  EXPECT_EQ(*login.final_message("r=NM,s=QQ==,i=5000"),
            "c=biws,r=NM,p=VOjgy2iZ4mhy6xBgkYbalrEBYOcvhr3eiiQEnsIJBFE=");
  EXPECT_TRUE(login.verify("v=JwOYmTChdNHKoRpR48lrb96OYAJ2Z+WTMMFSUxLOCKA=").ok());
}

TEST(SaslScram, extensions_behind_are_left_alone) {
  ScramClient login(crypto::HashFunction::sha256, "user", "pencil", "N");
  EXPECT_TRUE(login.final_message("r=NM,s=QQ==,i=4096,x=y").ok());
}

TEST(SaslScram, first_messages_that_are_none_are_refused) {
  const struct {
    const char* message;
    const char* says;
  } rows[] = {
      {"", "not one of SCRAM"},
      {"r=NM", "not one of SCRAM"},
      {"r=NM,s=QQ==", "not one of SCRAM"},
      {"s=QQ==,r=NM,i=4096", "not one of SCRAM"},
      {"m=x,r=NM,s=QQ==,i=4096", "extension"},
      {"e=other-error", "other-error"},
      {"r=XM,s=QQ==,i=4096", "nonce"},
      {"r=N,s=QQ==,i=4096", "nonce"},
      {"r=,s=QQ==,i=4096", "nonce"},
      {"r=NM,s=Q,i=4096", "salt"},
      {"r=NM,s=,i=4096", "salt"},
      {"r=NM,s=QQ==,i=", "iterations"},
      {"r=NM,s=QQ==,i=4095", "4095 iterations"},
      {"r=NM,s=QQ==,i=1000001", "1000001 iterations"},
      {"r=NM,s=QQ==,i=99999999999999999999", "iterations"},
      {"r=NM,s=QQ==,i=4096x", "iterations"},
      {"r=NM,s=QQ==,i=-1", "iterations"},
  };
  for (const auto& row : rows) {
    ScramClient login(crypto::HashFunction::sha256, "user", "pencil", "N");
    const auto message = login.final_message(row.message);
    ASSERT_FALSE(message.ok()) << row.message;
    EXPECT_EQ(message.error().kind, ErrorKind::unauthenticated);
    EXPECT_EQ(message.error().action, Action::fatal);
    EXPECT_THAT(message.error().message, AllOf(HasSubstr(row.says), Not(HasSubstr("pencil"))));
  }
}

TEST(SaslScram, a_server_that_does_not_know_the_password_is_found_out) {
  const struct {
    const char* message;
    const char* says;
  } rows[] = {
      {"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "does not know the password"},
      {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl9", "does not know the password"},
      {"v=", "does not know the password"},
      {"v=?", "does not know the password"},
      {"", "not one of SCRAM"},
      {"e=invalid-proof", "invalid-proof; check user and password"},
  };
  for (const auto& row : rows) {
    SaslClient login = scram();
    login.first();
    EXPECT_NE(said(login, k_server_first), "(error)");
    const Error error = failed(login, row.message);
    EXPECT_EQ(error.kind, ErrorKind::unauthenticated) << row.message;
    EXPECT_EQ(error.action, Action::fatal);
    EXPECT_THAT(error.message, HasSubstr(row.says));
  }
}

TEST(SaslScram, nonces_are_fresh) {
  EXPECT_EQ(fresh_sasl_nonce().size(), 32u);
  EXPECT_NE(fresh_sasl_nonce(), fresh_sasl_nonce());
  EXPECT_EQ(fresh_sasl_nonce().find(','), std::string::npos);
}

TEST(SaslOauthbearer, is_one_message) {
  SaslClient login = client(SaslMechanism::oauthbearer, "", "eyJ.tok.en");
  EXPECT_EQ(as_text(login.first()),
            "n,,\x01"
            "auth=Bearer eyJ.tok.en\x01\x01");
  EXPECT_EQ(said(login, ""), "(done)");
}

TEST(SaslOauthbearer, a_refused_token_ends_by_one_more_message_and_the_broker_s_reason) {
  SaslClient login = client(SaslMechanism::oauthbearer, "", "eyJ.tok.en");
  login.first();
  EXPECT_EQ(said(login, R"({"status":"invalid_token"})"), "\x01");
  const Error error = login.refusal(ErrorCode::sasl_authentication_failed, "authentication failed");
  EXPECT_EQ(error.kind, ErrorKind::unauthenticated);
  EXPECT_EQ(error.action, Action::give_up);
  EXPECT_EQ(error.code, "SASL_AUTHENTICATION_FAILED");
  EXPECT_THAT(error.message, AllOf(HasSubstr("OAUTHBEARER"), HasSubstr("authentication failed"),
                                   HasSubstr(R"({"status":"invalid_token"})")));
  // A broker that does not fail it then does not let us in either.
  EXPECT_EQ(failed(login, "").kind, ErrorKind::unauthenticated);
}

TEST(Sasl, a_refused_password_is_for_a_person_to_correct) {
  const Error error =
      client(SaslMechanism::plain, "u", "hunter2")
          .refusal(ErrorCode::sasl_authentication_failed, "no such user\n\x1b[31m or password");
  EXPECT_EQ(error.kind, ErrorKind::unauthenticated);
  EXPECT_EQ(error.action, Action::fatal);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("check source.auth"), HasSubstr("no such user??[31m or password")));
  EXPECT_EQ(scram().refusal(ErrorCode::illegal_sasl_state, "").kind, ErrorKind::unsupported);
  EXPECT_EQ(scram().refusal(ErrorCode::coordinator_not_available, "").action, Action::retry);
}

TEST(Sasl, no_error_shows_the_secret) {
  const Error echoed = client(SaslMechanism::plain, "u", "hunter2")
                           .refusal(ErrorCode::sasl_authentication_failed, "bad password 'hunter2'");
  EXPECT_THAT(echoed.message, AllOf(Not(HasSubstr("hunter2")), HasSubstr("left out")));
  SaslClient login = client(SaslMechanism::oauthbearer, "", "eyJ.tok.en");
  login.first();
  EXPECT_EQ(said(login, R"({"status":"bad eyJ.tok.en"})"), "\x01");
  EXPECT_THAT(login.refusal(ErrorCode::sasl_authentication_failed, "").message, Not(HasSubstr("eyJ.tok.en")));
}

TEST(Sasl, credentials_that_cannot_be_sent_are_refused) {
  const SaslCredential rows[] = {
      {SaslMechanism::plain, "", "p"},
      {SaslMechanism::plain, "u", ""},
      {SaslMechanism::plain, "u", std::string("p\0q", 3)},
      {SaslMechanism::plain, std::string("u\0v", 3), "p"},
      {SaslMechanism::scram_sha_256, "", "p"},
      {SaslMechanism::scram_sha_512, "u", ""},
      {SaslMechanism::oauthbearer, "", ""},
      {SaslMechanism::oauthbearer, "", "token\n"},
  };
  for (const SaslCredential& credential : rows) {
    const auto made = SaslClient::make(credential);
    ASSERT_FALSE(made.ok()) << to_string(credential.mechanism);
    EXPECT_EQ(made.error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(made.error().action, Action::fatal);
    EXPECT_THAT(made.error().message, HasSubstr("source.auth"));
  }
}

}  // namespace
}  // namespace penstock::wire
