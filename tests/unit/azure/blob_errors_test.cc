#include "azure/blob_errors.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "azure/http_date.h"

namespace penstock::azure {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime k_now{seconds{1769817600}};  // 2026-01-31T00:00:00Z

Error error_of(const Refusal& refusal) {
  const Endpoint endpoint = parse_endpoint("https://contoso.blob.core.windows.net/lake/raw").value();
  return blob_error(refusal, "Put Blob of blob raw/a.txt", endpoint, k_now);
}

Refusal refused(int status, std::string_view code) {
  Refusal refusal;
  refusal.status = status;
  refusal.error_code = code;
  return refusal;
}

TEST(BlobErrors, status_and_code_decide_kind_and_action) {
  struct Case {
    int status;
    std::string_view code;
    ErrorKind kind;
    Action action;
  };
  const Case cases[] = {
      {409, "BlobAlreadyExists", ErrorKind::already_exists, Action::give_up},
      {412, "ConditionNotMet", ErrorKind::already_exists, Action::give_up},
      {412, "", ErrorKind::already_exists, Action::give_up},
      {409, "", ErrorKind::already_exists, Action::give_up},
      {412, "LeaseIdMissing", ErrorKind::already_exists, Action::give_up},
      {409, "InvalidBlobType", ErrorKind::already_exists, Action::give_up},
      {409, "BlobImmutableDueToPolicy", ErrorKind::already_exists, Action::give_up},
      {403, "UnauthorizedBlobOverwrite", ErrorKind::already_exists, Action::give_up},
      {409, "ContainerAlreadyExists", ErrorKind::already_exists, Action::give_up},
      {409, "AccountBeingCreated", ErrorKind::unavailable, Action::retry},
      {409, "ContainerBeingDeleted", ErrorKind::unavailable, Action::retry},
      {409, "SomethingNew", ErrorKind::unavailable, Action::retry},
      {404, "ContainerNotFound", ErrorKind::not_found, Action::fatal},
      {404, "BlobNotFound", ErrorKind::not_found, Action::give_up},
      {404, "", ErrorKind::not_found, Action::give_up},
      {400, "InvalidBlockList", ErrorKind::invalid_block_list, Action::give_up},
      {400, "InvalidHeaderValue", ErrorKind::invalid_input, Action::fatal},
      {400, "Md5Mismatch", ErrorKind::corrupt, Action::retry},
      {413, "RequestBodyTooLarge", ErrorKind::invalid_input, Action::fatal},
      {401, "InvalidAuthenticationInfo", ErrorKind::unauthenticated, Action::give_up},
      {401, "", ErrorKind::unauthenticated, Action::give_up},
      {403, "AuthenticationFailed", ErrorKind::unauthenticated, Action::give_up},
      {403, "AuthorizationPermissionMismatch", ErrorKind::forbidden, Action::fatal},
      {403, "AuthorizationFailure", ErrorKind::forbidden, Action::give_up},
      {403, "KeyBasedAuthenticationNotPermitted", ErrorKind::forbidden, Action::fatal},
      {403, "", ErrorKind::forbidden, Action::fatal},
      {408, "", ErrorKind::timed_out, Action::retry},
      {429, "", ErrorKind::throttled, Action::retry},
      {500, "InternalError", ErrorKind::unavailable, Action::retry},
      {500, "OperationTimedOut", ErrorKind::timed_out, Action::retry},
      {502, "", ErrorKind::unavailable, Action::retry},
      {503, "ServerBusy", ErrorKind::throttled, Action::retry},
      {503, "", ErrorKind::unavailable, Action::retry},
      {504, "", ErrorKind::timed_out, Action::retry},
      {599, "", ErrorKind::unavailable, Action::retry},
      {418, "", ErrorKind::invalid_input, Action::fatal},
      {302, "", ErrorKind::unsupported, Action::fatal},
      {200, "", ErrorKind::unsupported, Action::fatal},
  };
  for (const Case& c : cases) {
    const Error error = error_of(refused(c.status, c.code));
    EXPECT_EQ(error.kind, c.kind) << c.status << " " << c.code;
    EXPECT_EQ(error.action, c.action) << c.status << " " << c.code;
  }
}

TEST(BlobErrors, the_message_says_what_where_and_which_request) {
  Refusal refusal = refused(503, "ServerBusy");
  refusal.request_id = "6e8a0c4b-001e-0034-5c3b";
  const Error error = error_of(refusal);
  EXPECT_EQ(error.code, "503 ServerBusy");
  EXPECT_EQ(
      error.message,
      "Put Blob of blob raw/a.txt at https://contoso.blob.core.windows.net/lake: 503 ServerBusy: the service "
      "asks to slow down [request id 6e8a0c4b-001e-0034-5c3b]");
}

TEST(BlobErrors, a_missing_container_is_named) {
  EXPECT_THAT(error_of(refused(404, "ContainerNotFound")).message, HasSubstr("create the container lake"));
}

TEST(BlobErrors, an_authentication_failure_shows_both_clocks_and_not_the_services_detail) {
  Refusal refusal = refused(403, "AuthenticationFailed");
  refusal.date = "Sat, 31 Jan 2026 01:00:00 GMT";
  refusal.body = "<Error><Code>AuthenticationFailed</Code><Message>sig=topsecret</Message></Error>";
  const std::string message = error_of(refusal).message;
  EXPECT_THAT(message, HasSubstr("this machine says Sat, 31 Jan 2026 00:00:00 GMT"));
  EXPECT_THAT(message, HasSubstr("the service Sat, 31 Jan 2026 01:00:00 GMT"));
  EXPECT_THAT(message, Not(HasSubstr("topsecret")));
}

TEST(BlobErrors, the_bodys_code_stands_in_for_a_missing_header) {
  Refusal refusal = refused(409, "");
  refusal.body =
      "\xef\xbb\xbf<?xml version=\"1.0\"?><Error><Code>ContainerBeingDeleted</Code><Message>Wait &amp; see.\n"
      "RequestId:1</Message></Error>";
  const Error error = error_of(refusal);
  EXPECT_EQ(error.code, "409 ContainerBeingDeleted");
  EXPECT_EQ(error.action, Action::retry);
  EXPECT_THAT(error.message, HasSubstr("(\"Wait & see.\")"));
}

TEST(BlobErrors, what_is_no_code_and_no_xml_is_left_out) {
  Refusal refusal = refused(502, "<b>\r\n");
  refusal.body = "<html><body>Bad gateway<br></body>";
  refusal.request_id = "<script>";
  const Error error = error_of(refusal);
  EXPECT_EQ(error.code, "502");
  EXPECT_THAT(error.message, Not(HasSubstr("<")));
}

TEST(BlobErrors, retry_after_is_read_in_each_of_its_forms) {
  struct Case {
    std::string_view retry_after_ms;
    std::string_view x_ms_retry_after_ms;
    std::string_view retry_after;
    std::optional<milliseconds> expected;
  };
  const Case cases[] = {
      {"", "", "", std::nullopt},
      {"150", "7000", "9", milliseconds{150}},
      {"", "7000", "9", milliseconds{7000}},
      {"", "", "9", seconds{9}},
      {"", "", "0", milliseconds{0}},
      {"", "", "Sat, 31 Jan 2026 00:00:30 GMT", seconds{30}},
      {"", "", "Sat, 31 Jan 2026 00:00:00 GMT", milliseconds{0}},
      {"", "", "Fri, 30 Jan 2026 00:00:00 GMT", milliseconds{0}},
      {"", "", "Sat, 31 Jan 2199 00:00:00 GMT", std::chrono::hours{24}},
      {"", "", "18446744073709551615", std::chrono::hours{24}},
      {"18446744073709551615", "", "", std::chrono::hours{24}},
      {"", "", "99999999999999999999999", std::nullopt},
      {"-1", "", "soon", std::nullopt},
  };
  for (const Case& c : cases) {
    Refusal refusal = refused(503, "ServerBusy");
    refusal.retry_after_ms = c.retry_after_ms;
    refusal.x_ms_retry_after_ms = c.x_ms_retry_after_ms;
    refusal.retry_after = c.retry_after;
    EXPECT_EQ(error_of(refusal).retry_after, c.expected)
        << c.retry_after_ms << "|" << c.x_ms_retry_after_ms << "|" << c.retry_after;
  }
}

TEST(HttpDate, survives_a_round_trip_and_refuses_the_rest) {
  EXPECT_EQ(format_http_date(WallTime{seconds{784111777}}), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), WallTime{seconds{784111777}});
  EXPECT_EQ(format_http_date(WallTime{seconds{951782400}}), "Tue, 29 Feb 2000 00:00:00 GMT");
  for (const std::string_view text :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 31 Feb 2000 00:00:00 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 9999 08:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Now 1994 08:49:37 GMT", "S\x14n, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 -0:49:37 GMT", "Sun, 06 Nov 1994 +8:49:37 GMT"}) {
    EXPECT_FALSE(parse_http_date(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace penstock::azure
