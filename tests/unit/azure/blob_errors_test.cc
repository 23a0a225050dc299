#include "azure/blob_errors.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
      {404, "", ErrorKind::unsupported, Action::fatal},
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
      {407, "", ErrorKind::forbidden, Action::fatal},
      {409, "BlobOperationNotSupported", ErrorKind::unsupported, Action::fatal},
      {409, "FeatureVersionMismatch", ErrorKind::unsupported, Action::fatal},
      {409, "ResourceTypeMismatch", ErrorKind::unsupported, Action::fatal},
      {409, "PathConflict", ErrorKind::unsupported, Action::fatal},
      {409, "PathIsTooDeep", ErrorKind::invalid_input, Action::fatal},
      {409, "PathAlreadyExists", ErrorKind::already_exists, Action::give_up},
      {409, "SystemInUse", ErrorKind::unavailable, Action::retry},
      {408, "", ErrorKind::timed_out, Action::retry},
      {429, "", ErrorKind::throttled, Action::retry},
      {500, "InternalError", ErrorKind::unavailable, Action::retry},
      {500, "OperationTimedOut", ErrorKind::throttled, Action::retry},
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

// All that Azure documents for the operations of ours, and what falls to its status on purpose.
TEST(BlobErrors, every_documented_code_is_judged) {
  struct Group {
    int status;
    ErrorKind kind;
    Action action;
    std::vector<std::string_view> codes;
  };
  const Group groups[] = {
      {400,
       ErrorKind::invalid_input,
       Action::fatal,
       {"ConditionHeadersNotSupported",
        "MultipleConditionHeadersNotSupported",
        "EmptyMetadataKey",
        "InvalidMetadata",
        "MetadataTooLarge",
        "InvalidHttpVerb",
        "InvalidInput",
        "InvalidMd5",
        "InvalidQueryParameterValue",
        "InvalidResourceName",
        "InvalidUri",
        "InvalidXmlDocument",
        "InvalidXmlNodeValue",
        "MissingRequiredQueryParameter",
        "MissingRequiredHeader",
        "MissingRequiredXmlNode",
        "OutOfRangeInput",
        "OutOfRangeQueryParameterValue",
        "RequestUrlFailedToParse",
        "UnsupportedHeader",
        "UnsupportedXmlNode",
        "UnsupportedQueryParameter",
        "BlockListTooLong",
        "InvalidBlobOrBlock",
        "InvalidBlockId",
        "InvalidOperation",
        "InvalidBlobTier",
        "InvalidVersionForPageBlobOperation",
        "CopyAcrossAccountsNotSupported",
        "PreviousSnapshotCannotBeNewer"}},
      {405, ErrorKind::invalid_input, Action::fatal, {"UnsupportedHttpVerb"}},
      {411, ErrorKind::invalid_input, Action::fatal, {"MissingContentLengthHeader"}},
      {413, ErrorKind::invalid_input, Action::fatal, {"RequestBodyTooLarge", ""}},
      {416, ErrorKind::invalid_input, Action::give_up, {"InvalidRange", "InvalidPageRange", ""}},
      {400, ErrorKind::unauthenticated, Action::give_up, {"InvalidAuthenticationInfo"}},
      {401,
       ErrorKind::unauthenticated,
       Action::give_up,
       {"InvalidAuthenticationInfo", "NoAuthenticationInformation", ""}},
      {409, ErrorKind::unauthenticated, Action::give_up, {"PublicAccessNotPermitted"}},
      {403,
       ErrorKind::forbidden,
       Action::fatal,
       {"AccountIsDisabled", "AuthorizationPermissionMismatch", "AuthorizationProtocolMismatch",
        "AuthorizationResourceTypeMismatch", "AuthorizationServiceMismatch", "AuthorizationSourceIPMismatch",
        "InsufficientAccountPermissions", "KeyBasedAuthenticationNotPermitted",
        "KeyVaultAccessTokenCannotBeAcquired", "KeyVaultEncryptionKeyNotFound", "KeyVaultVaultNotFound",
        "SomethingNew"}},
      {404, ErrorKind::not_found, Action::give_up, {"BlobNotFound", "PathNotFound", "ResourceNotFound"}},
      {404, ErrorKind::not_found, Action::fatal, {"ContainerNotFound", "FilesystemNotFound"}},
      {409,
       ErrorKind::already_exists,
       Action::give_up,
       {"BlobAlreadyExists", "BlobArchived", "BlobBeingRehydrated", "BlobImmutableDueToLegalHold",
        "BlobImmutableDueToPolicy", "InvalidBlobType", "LeaseIdMismatchWithLeaseOperation",
        "PathAlreadyExists", "ResourceAlreadyExists", "SnapshotsPresent", "ContainerAlreadyExists"}},
      {412,
       ErrorKind::already_exists,
       Action::give_up,
       {"ConditionNotMet", "LeaseIdMismatchWithBlobOperation", "LeaseIdMissing", "LeaseLost",
        "LeaseNotPresentWithBlobOperation", "TargetConditionNotMet", "AppendPositionConditionNotMet", ""}},
      {409,
       ErrorKind::unsupported,
       Action::fatal,
       {"BlobOperationNotSupported", "FeatureVersionMismatch", "EndpointUnsupportedAccountFeatures",
        "BlobAccessTierNotSupportedForAccountType", "ResourceTypeMismatch", "PathConflict",
        "OperationNotSupportedOnDirectory"}},
      {409, ErrorKind::invalid_input, Action::fatal, {"BlockCountExceedsLimit", "PathIsTooDeep"}},
      {409,
       ErrorKind::unavailable,
       Action::retry,
       {"AccountAlreadyExists", "AccountBeingCreated", "ContainerBeingDeleted", "ContainerDisabled",
        "FilesystemBeingDeleted", "SystemInUse", "SnapshotOperationRateExceeded", "BlobOverwritten",
        "BlobNotArchived", "PendingCopyOperation", "LeaseAlreadyPresent"}},
      {500, ErrorKind::unavailable, Action::retry, {"InternalError", "CannotVerifyCopySource", ""}},
      {500, ErrorKind::throttled, Action::retry, {"OperationTimedOut"}},
      {501, ErrorKind::unsupported, Action::fatal, {"APINotImplemented", ""}},
      {503, ErrorKind::throttled, Action::retry, {"ServerBusy", "AccountIopsLimitExceeded"}},
      {429, ErrorKind::throttled, Action::retry, {"TooManyRequests", ""}},
  };
  for (const Group& group : groups) {
    for (const std::string_view code : group.codes) {
      const Error error = error_of(refused(group.status, code));
      EXPECT_EQ(error.kind, group.kind) << group.status << " " << code << ": " << to_string(error.kind);
      EXPECT_EQ(error.action, group.action) << group.status << " " << code << ": " << to_string(error.action);
    }
  }
}

TEST(BlobErrors, only_the_service_knows_that_a_blob_is_absent) {
  Refusal refusal = refused(404, "");
  EXPECT_EQ(error_of(refusal).kind, ErrorKind::unsupported);
  EXPECT_EQ(error_of(refusal).action, Action::fatal);
  refusal.request_id = "6e8a0c4b-001e-0034-5c3b";  // a HEAD may have no more
  EXPECT_EQ(error_of(refusal).kind, ErrorKind::not_found);
  EXPECT_EQ(error_of(refusal).action, Action::give_up);
}

TEST(BlobErrors, a_token_has_words_of_its_own) {
  struct Case {
    int status;
    std::string_view code;
    std::string_view with_token;
    std::string_view otherwise;
  };
  const Case cases[] = {
      {403, "AuthorizationPermissionMismatch",
       "assign it the role Storage Blob Data Contributor on the "
       "container or the account",
       "a SAS with read, create, write and list"},
      {403, "AuthorizationPermissionMismatch", "up to 10 minutes", "sp=rcwl"},
      {403, "AuthorizationFailure", "the identity has no right", "its key is wrong"},
      {403, "AuthenticationFailed", "audience https://storage.azure.com", "key or SAS is wrong"},
      {401, "InvalidAuthenticationInfo", "of the tenant of the account", "malformed or has expired"},
      {401, "", "audience", "wrong or has expired"},
  };
  for (const Case& c : cases) {
    Refusal refusal = refused(c.status, c.code);
    refusal.request_id = "6e8a0c4b-001e-0034-5c3b";
    EXPECT_THAT(error_of(refusal).message, HasSubstr(c.otherwise)) << c.code;
    EXPECT_THAT(error_of(refusal).message, Not(HasSubstr(c.with_token))) << c.code;
    refusal.bearer = true;
    EXPECT_THAT(error_of(refusal).message, HasSubstr(c.with_token)) << c.code;
    EXPECT_THAT(error_of(refusal).message, Not(HasSubstr(c.otherwise))) << c.code;
  }
  Refusal disabled = refused(403, "AccountIsDisabled");
  disabled.bearer = true;
  EXPECT_THAT(error_of(disabled).message, HasSubstr("the storage account is disabled"));
}

TEST(BlobErrors, a_challenge_tells_the_tenant_and_nothing_else) {
  Refusal refusal = refused(401, "InvalidAuthenticationInfo");
  refusal.bearer = true;
  const auto message = [&](std::string_view challenge) {
    refusal.www_authenticate = challenge;
    return error_of(refusal).message;
  };
  EXPECT_THAT(
      message("Bearer authorization_uri=https://login.microsoftonline.com/72f988bf-86f1/oauth2/authorize "
              "resource_id=https://storage.azure.com"),
      HasSubstr("; the account takes tokens of https://login.microsoftonline.com/72f988bf-86f1"));
  EXPECT_THAT(message("Bearer authorization_uri=\"https://login.microsoftonline.us/contoso.com\""),
              HasSubstr("takes tokens of https://login.microsoftonline.us/contoso.com"));
  for (const std::string_view odd :
       {"", "Bearer", "Bearer authorization_uri=", "Bearer authorization_uri=https://",
        "Bearer authorization_uri=https://host", "Bearer authorization_uri=https://host/",
        "Bearer authorization_uri=http://host/t", "Bearer authorization_uri=https://user:pw@host/t",
        "Bearer authorization_uri=https://host?sig=topsecret/t", "Basic realm=x"}) {
    EXPECT_THAT(message(odd), Not(HasSubstr("takes tokens"))) << odd;
  }
  refusal.bearer = false;
  EXPECT_THAT(message("Bearer authorization_uri=https://login.microsoftonline.com/t/x"),
              Not(HasSubstr("takes tokens")));
}

TEST(BlobErrors, network_rules_are_told_with_the_way_that_was_taken) {
  Refusal refusal = refused(403, "AuthorizationFailure");
  const auto message = [&](std::string_view address) {
    refusal.address = address;
    return error_of(refusal).message;
  };
  for (const std::string_view address :
       {"10.1.2.3", "172.16.0.4", "172.31.255.1", "192.168.0.4", "fd00::4"}) {
    EXPECT_THAT(message(address), HasSubstr("went to " + std::string(address) + ", a private address"));
  }
  for (const std::string_view address :
       {"20.60.1.2", "172.15.0.4", "172.32.0.4", "172.160.0.4", "2603:1030::1"}) {
    EXPECT_THAT(message(address), HasSubstr("went to " + std::string(address) + ", a public address"));
  }
  for (const std::string_view address : {"", "127.0.0.1", "::1", "host?sig=topsecret"}) {
    EXPECT_THAT(message(address), Not(HasSubstr("went to"))) << address;
  }
  refusal.error_code = "AuthorizationPermissionMismatch";
  EXPECT_THAT(message("10.1.2.3"), Not(HasSubstr("went to")));
}

TEST(BlobErrors, clocks_that_are_apart_are_told_by_how_much) {
  Refusal refusal = refused(403, "AuthenticationFailed");
  refusal.date = "Sat, 31 Jan 2026 00:15:01 GMT";
  EXPECT_THAT(error_of(refusal).message, HasSubstr("they are 901 s apart, set this machine's clock"));
  refusal.date = "Fri, 30 Jan 2026 23:00:00 GMT";
  EXPECT_THAT(error_of(refusal).message, HasSubstr("they are 3600 s apart"));
  refusal.date = "Sat, 31 Jan 2026 00:00:59 GMT";
  EXPECT_THAT(error_of(refusal).message, Not(HasSubstr("apart")));
  refusal.date = "soon";
  EXPECT_THAT(error_of(refusal).message, HasSubstr("the service gave no date"));
}

TEST(BlobErrors, each_refusal_that_a_person_mends_has_its_own_advice) {
  struct Case {
    int status;
    std::string_view code;
    std::string_view advice;
  };
  const Case cases[] = {
      {403, "AuthorizationPermissionMismatch", "Storage Blob Data Contributor"},
      {403, "AuthorizationResourceTypeMismatch", "srt=co"},
      {403, "AuthorizationServiceMismatch", "ss=b"},
      {403, "AuthorizationProtocolMismatch", "spr"},
      {403, "AuthorizationSourceIPMismatch", "sip"},
      {403, "AuthorizationFailure", "network rules"},
      {403, "KeyVaultEncryptionKeyNotFound", "customer-managed key"},
      {403, "KeyVaultAccessTokenCannotBeAcquired", "customer-managed key"},
      {403, "KeyBasedAuthenticationNotPermitted", "another sink.auth"},
      {403, "AccountIsDisabled", "subscription"},
      {403, "InsufficientAccountPermissions", "-secondary"},
      {403, "AuthorizationFailure", "private endpoint"},
      {409, "PublicAccessNotPermitted", "without a credential"},
      {401, "NoAuthenticationInformation", "Authorization header"},
      {404, "FilesystemNotFound", "create the container lake"},
      {404, "ContainerNotFound", "soft delete"},
      {409, "BlobBeingRehydrated", "archive tier"},
      {409, "BlobArchived", "archive tier"},
      {409, "BlobImmutableDueToPolicy", "retention policy or a legal hold"},
      {409, "BlobImmutableDueToLegalHold", "retention policy or a legal hold"},
      {412, "LeaseIdMissing", "lease"},
      {409, "SnapshotsPresent", "snapshots"},
      {409, "PathConflict", "another prefix"},
      {400, "MetadataTooLarge", "metadata"},
      {400, "ConditionHeadersNotSupported", "condition"},
      {405, "UnsupportedHttpVerb", "PUT and HEAD"},
      {413, "RequestBodyTooLarge", "lower sink.block_bytes"},
      {409, "BlockCountExceedsLimit", "raise sink.block_bytes"},
      {409, "ContainerBeingDeleted", "create it again"},
      {409, "ContainerDisabled", "administrator"},
      {500, "OperationTimedOut", "asked too much"},
      {409, "BlobOperationNotSupported", "StorageV2"},
      {409, "FeatureVersionMismatch", "StorageV2"},
      {409, "ResourceTypeMismatch", "another prefix"},
      {409, "PathIsTooDeep", "batch.path"},
      {400, "InvalidResourceName", "batch.path"},
      {400, "InvalidHeaderValue", "emulator"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(error_of(refused(c.status, c.code)).message, HasSubstr(c.advice)) << c.code;
  }
}

TEST(BlobErrors, an_answer_of_something_in_between_is_told_from_one_of_the_service) {
  for (const int status : {200, 302, 400, 403, 404, 409, 429, 502, 503}) {
    Refusal page = refused(status, "");
    page.body = "\n <!DOCTYPE HTML><title>Blocked: sig=topsecret</title>";
    EXPECT_THAT(error_of(page).message, HasSubstr("something in between, a web page")) << status;
    EXPECT_THAT(error_of(page).message, Not(HasSubstr("topsecret")));
    page.body = "{}";
    EXPECT_THAT(error_of(page).message, HasSubstr("something in between:")) << status;
    page.request_id = "6e8a0c4b-001e-0034-5c3b";
    EXPECT_THAT(error_of(page).message, Not(HasSubstr("in between"))) << "a HEAD has no body to say more";
  }
  EXPECT_THAT(error_of(refused(403, "AuthorizationFailure")).message, Not(HasSubstr("in between")));
  EXPECT_THAT(error_of(refused(407, "")).message, HasSubstr("the proxy wants a login"));
}

TEST(BlobErrors, a_pause_that_is_asked_for_is_told_with_its_bound) {
  Refusal refusal = refused(503, "ServerBusy");
  refusal.retry_after = "30";
  EXPECT_THAT(error_of(refusal).message, HasSubstr("slow down; it asks for a pause of 30 s"));
  refusal.retry_after = "86400";
  EXPECT_THAT(error_of(refusal).message,
              HasSubstr("asks for a pause of 86400 s, and is asked again after 300 s"));
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
      {"", "", "Sat, 31 Jan 2199 00:00:00 GMT", std::chrono::minutes{5}},
      {"", "", "86400", std::chrono::minutes{5}},
      {"", "", "18446744073709551615", std::chrono::minutes{5}},
      {"18446744073709551615", "", "", std::chrono::minutes{5}},
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
