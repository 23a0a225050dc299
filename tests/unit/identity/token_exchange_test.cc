#include "identity/token_exchange.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr WallTime k_now{seconds{1769817600}};  // 2026-01-31T00:00:00Z
const std::string k_storage = "https://storage.azure.com/.default";

ManagedIdentity managed(MetadataService service, const std::string& endpoint) {
  return {.service = service,
          .endpoint = endpoint,
          .identity_header = "",
          .client_id = "",
          .object_id = "",
          .resource_id = ""};
}

const ManagedIdentity k_imds =
    managed(MetadataService::imds, "http://169.254.169.254/metadata/identity/oauth2/token");
const ManagedIdentity k_arc =
    managed(MetadataService::arc, "http://127.0.0.1:40342/metadata/identity/oauth2/token");
const WorkloadIdentity k_workload{.authority = "https://login.microsoftonline.com",
                                  .tenant_id = "t1",
                                  .client_id = "c1",
                                  .token_file = "/f"};

http::Response answer_of(int status, const std::string& body, http::Headers headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = body};
}

std::string header_of(const TokenRequest& request, const char* name) {
  return std::string(request.headers.find(name).value_or(""));
}

TEST(TokenRequest, of_the_metadata_service) {
  const TokenRequest request = token_request(k_imds, k_storage, "");
  EXPECT_EQ(request.method, http::Method::get);
  EXPECT_EQ(request.url,
            "http://169.254.169.254/metadata/identity/oauth2/"
            "token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com");
  EXPECT_EQ(header_of(request, "Metadata"), "true");
  EXPECT_TRUE(request.body.empty());
  EXPECT_FALSE(request.may_use_proxy);
}

TEST(TokenRequest, names_an_identity_in_the_spelling_of_its_service) {
  struct Row {
    MetadataService service;
    std::string ends;
  };
  for (const Row& row : {Row{MetadataService::imds, "&msi_res_id=%2Fsubscriptions%2Fx"},
                         Row{MetadataService::app_service, "&mi_res_id=%2Fsubscriptions%2Fx"},
                         Row{MetadataService::arc, "&msi_res_id=%2Fsubscriptions%2Fx"}}) {
    ManagedIdentity source = managed(row.service, "http://127.0.0.1:1/token");
    source.resource_id = "/subscriptions/x";
    EXPECT_TRUE(token_request(source, k_storage, "").url.ends_with(row.ends))
        << token_request(source, k_storage, "").url;
  }
  ManagedIdentity source = k_imds;
  source.client_id = "11-22";
  EXPECT_TRUE(token_request(source, k_storage, "").url.ends_with("&client_id=11-22"));
  source.client_id = "";
  source.object_id = "33";
  EXPECT_TRUE(token_request(source, k_storage, "").url.ends_with("&object_id=33"));
}

TEST(TokenRequest, of_app_service_and_of_arc) {
  ManagedIdentity app = managed(MetadataService::app_service, "http://127.0.0.1:41/msi/token");
  app.identity_header = "secret-header";
  const TokenRequest of_app = token_request(app, k_storage, "");
  EXPECT_EQ(of_app.url,
            "http://127.0.0.1:41/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com");
  EXPECT_EQ(header_of(of_app, "X-IDENTITY-HEADER"), "secret-header");
  EXPECT_EQ(header_of(of_app, "Metadata"), "");
  EXPECT_EQ(header_of(token_request(k_arc, k_storage, ""), "Authorization"), "");
  const TokenRequest challenged = token_request(k_arc, k_storage, "key-of-the-agent");
  EXPECT_NE(challenged.url.find("api-version=2020-06-01"), std::string::npos);
  EXPECT_EQ(header_of(challenged, "Authorization"), "Basic key-of-the-agent");
  EXPECT_EQ(header_of(challenged, "Metadata"), "true");
}

TEST(TokenRequest, of_entra_is_a_form) {
  const TokenRequest request = token_request(k_workload, k_storage, "ey.J+/=");
  EXPECT_EQ(request.method, http::Method::post);
  EXPECT_EQ(request.url, "https://login.microsoftonline.com/t1/oauth2/v2.0/token");
  EXPECT_EQ(header_of(request, "Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_TRUE(request.may_use_proxy);
  EXPECT_EQ(request.body,
            "grant_type=client_credentials&client_id=c1&scope=https%3A%2F%2Fstorage.azure.com%2F.default"
            "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
            "&client_assertion=ey.J%2B%2F%3D");
  const ClientSecret by_secret{.authority = "https://a", .tenant_id = "t", .client_id = "c", .secret = {}};
  EXPECT_EQ(token_request(by_secret, k_storage, "p&q=r").body,
            "grant_type=client_credentials&client_id=c&scope=https%3A%2F%2Fstorage.azure.com%2F.default"
            "&client_secret=p%26q%3Dr");
}

TEST(TokenAnswer, times_are_numbers_or_texts_and_expires_on_counts) {
  struct Row {
    std::string body;
    Duration life;
    Duration renewed_after;
  };
  for (
      const Row& row : {
          Row{R"({"access_token":"a.b.c","refresh_token":"","expires_in":"3599","expires_on":"1769821200","token_type":"Bearer"})",
              hours{1}, minutes{30}},
          Row{R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"a.b.c"})",
              seconds{3599}, std::chrono::milliseconds{1799500}},
          Row{R"({"access_token":"a.b.c","expires_on":1769904000})", hours{24}, hours{12}},
          Row{R"({"access_token":"a.b.c","expires_in":86400,"refresh_in":43000})", hours{24}, seconds{43000}},
          Row{R"({"access_token":"a.b.c","expires_in":120})", minutes{2}, seconds{96}},
          Row{R"({"access_token":"a.b.c","expires_in":120,"refresh_in":9999})", minutes{2}, seconds{96}},
      }) {
    const Result<Token> token = read_token_answer(k_imds, answer_of(200, row.body), k_now);
    ASSERT_TRUE(token.ok()) << token.error().message;
    EXPECT_EQ(token->text, "a.b.c");
    EXPECT_EQ(token->expires - k_now, row.life) << row.body;
    EXPECT_EQ(token->renew - k_now, row.renewed_after) << row.body;
  }
}

TEST(TokenAnswer, what_has_no_good_token_is_asked_for_again) {
  for (const std::string body :
       {"", "<html>", "[]", R"({"access_token":""})", R"({"access_token":"a"})",
        R"({"access_token":"a b","expires_in":9})", R"({"access_token":"a\n","expires_in":9})",
        R"({"access_token":"a","expires_in":"soon"})", R"({"access_token":"a","expires_in":-1})",
        R"({"access_token":"a","expires_in":1e300})", R"({"access_token":"a","expires_in":8e9})",
        R"({"access_token":"a","expires_on":"1"})"}) {
    const Result<Token> token = read_token_answer(k_workload, answer_of(200, body), k_now);
    ASSERT_FALSE(token.ok()) << body;
    EXPECT_EQ(token.error().action, Action::retry) << body;
    EXPECT_EQ(token.error().message.find("a b"), std::string::npos);
    EXPECT_NE(
        token.error().message.find("asking login.microsoftonline.com for a token of client c1 in tenant t1"),
        std::string::npos);
  }
}

TEST(TokenAnswer, arc_must_give_the_identity_that_was_asked_for) {
  ManagedIdentity source = k_arc;
  source.client_id = "mine";
  const std::string machines = R"({"access_token":"a","expires_in":3600})";
  EXPECT_EQ(read_token_answer(source, answer_of(200, machines), k_now).error().code, "another identity");
  EXPECT_TRUE(
      read_token_answer(source,
                        answer_of(200, R"({"access_token":"a","expires_in":3600,"client_id":"mine"})"), k_now)
          .ok());
  EXPECT_TRUE(read_token_answer(k_arc, answer_of(200, machines), k_now).ok());
}

TEST(TokenAnswer, a_metadata_service_is_judged_by_its_status) {
  struct Row {
    int status;
    Action action;
    std::string says;
  };
  for (const Row& row :
       {Row{400, Action::give_up, "no identity is assigned to this machine"},
        Row{403, Action::give_up, "cannot be reached from here"}, Row{404, Action::retry, "not there yet"},
        Row{410, Action::retry, "being updated"}, Row{429, Action::retry, "slow down"},
        Row{500, Action::retry, "a fault of its own"}, Row{503, Action::retry, "a fault of its own"},
        Row{302, Action::give_up, "none of its own"}}) {
    const Result<Token> token = read_token_answer(
        k_imds,
        answer_of(row.status,
                  R"({"error":"invalid_request","error_description":"Identity not found\u0007"})"),
        k_now);
    ASSERT_FALSE(token.ok());
    EXPECT_EQ(token.error().action, row.action) << row.status;
    EXPECT_NE(token.error().message.find(row.says), std::string::npos) << token.error().message;
    EXPECT_NE(token.error().message.find("asking the metadata service of this machine"), std::string::npos);
    EXPECT_EQ(token.error().code, std::to_string(row.status));
  }
  EXPECT_NE(read_token_answer(k_arc, answer_of(401, ""), k_now).error().message.find("in the group himds"),
            std::string::npos);
}

std::string refused_with(const std::string& description) {
  return R"({"error":"invalid_client","error_description":")" + description +
         R"(","error_codes":[7000215],"timestamp":"2026-01-31 00:00:00Z","trace_id":"1f-2e","correlation_id":"x"})";
}

TEST(TokenAnswer, entra_says_what_to_check_and_shows_its_marks) {
  const Result<Token> token = read_token_answer(
      k_workload, answer_of(401, refused_with("AADSTS7000215: Invalid client secret provided.")), k_now);
  ASSERT_FALSE(token.ok());
  EXPECT_EQ(token.error().kind, ErrorKind::unauthenticated);
  EXPECT_EQ(token.error().action, Action::give_up);
  EXPECT_EQ(token.error().code, "401 AADSTS7000215");
  EXPECT_EQ(
      token.error().message,
      "asking login.microsoftonline.com for a token of client c1 in tenant t1: the client secret is wrong: "
      "write the "
      "secret's value, not its id (401, invalid_client, AADSTS7000215, trace 1f-2e, 2026-01-31 00:00:00Z)");
  for (const auto& [code, says] :
       std::vector<std::pair<std::string, std::string>>{{"7000222", "has expired"},
                                                        {"700016", "not in this tenant"},
                                                        {"90002", "no such tenant"},
                                                        {"700027", "not registered"},
                                                        {"70021", "issuer, subject and audience"},
                                                        {"700211", "issuer"},
                                                        {"700212", "audience"},
                                                        {"700213", "system:serviceaccount"},
                                                        {"50013", "clock"},
                                                        {"999", "look its code up"}}) {
    const auto refused =
        read_token_answer(k_workload, answer_of(400, refused_with("AADSTS" + code + ": x")), k_now);
    EXPECT_NE(refused.error().message.find(says), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("AADSTS" + code), std::string::npos);
  }
}

TEST(TokenAnswer, entra_in_trouble_is_asked_again_and_its_pause_respected) {
  for (const int status : {408, 429, 500, 503}) {
    const auto token =
        read_token_answer(k_workload, answer_of(status, "busy", {{"Retry-After", "17"}}), k_now);
    EXPECT_EQ(token.error().action, Action::retry) << status;
    EXPECT_EQ(token.error().retry_after, seconds{17});
  }
  EXPECT_EQ(read_token_answer(k_workload, answer_of(429, "", {{"Retry-After", "86400"}}), k_now)
                .error()
                .retry_after,
            seconds{300});
  EXPECT_FALSE(read_token_answer(k_workload, answer_of(429, "", {{"Retry-After", "soon"}}), k_now)
                   .error()
                   .retry_after);
}

TEST(TokenAnswer, nothing_of_the_request_and_no_control_character_reaches_a_message) {
  const std::string echoed = "<html>client_secret=hunter2\x1b[31m</html>";
  const auto page = read_token_answer(k_workload, answer_of(403, echoed), k_now);
  EXPECT_EQ(page.error().message.find("hunter2"), std::string::npos);
  EXPECT_NE(page.error().message.find("something in between"), std::string::npos);
  const auto json = read_token_answer(
      k_workload,
      answer_of(
          401,
          R"({"error":"a\u001b[31m","error_description":"AADSTS7000215: hunter2","trace_id":"x\ny","timestamp":")" +
              std::string(500, '1') + "\"}"),
      k_now);
  EXPECT_EQ(json.error().message.find("hunter2"), std::string::npos);
  EXPECT_EQ(json.error().message.find('\x1b'), std::string::npos);
  EXPECT_LT(json.error().message.size(), 400U);
}

TEST(ArcChallenge, names_a_key_of_the_agent_and_nothing_else) {
  const auto file_of = [](const std::string& value) {
    return arc_challenge_file(answer_of(401, "", {{"WWW-Authenticate", value}}));
  };
  EXPECT_EQ(file_of("Basic realm=/var/opt/azcmagent/tokens/ab-1.key").value(),
            "/var/opt/azcmagent/tokens/ab-1.key");
  EXPECT_EQ(file_of("Basic realm=\"/var/opt/azcmagent/tokens/a.key\"").value(),
            "/var/opt/azcmagent/tokens/a.key");
  for (const std::string value :
       {"", "Basic", "Basic realm=", "Bearer realm=/var/opt/azcmagent/tokens/a.key",
        "Basic realm=/etc/shadow", "Basic realm=/var/opt/azcmagent/tokens/../../../../etc/x.key",
        "Basic realm=/var/opt/azcmagent/tokens/a/b.key", "Basic realm=/var/opt/azcmagent/tokens/.key",
        "Basic realm=/var/opt/azcmagent/tokens/a.pem", "Basic realm=/var/opt/azcmagent/tokens/a\nb.key"}) {
    EXPECT_FALSE(file_of(value).ok()) << value;
  }
}

TEST(Unanswered, says_who_was_asked_and_keeps_the_rest) {
  const Error error = unanswered(
      k_imds, make_error(ErrorKind::timed_out, Action::retry, "request to 169.254.169.254: no answer", "28"));
  EXPECT_EQ(error.message,
            "asking the metadata service of this machine for a token: request to 169.254.169.254: no answer");
  EXPECT_EQ(error.code, "28");
  EXPECT_EQ(error.action, Action::retry);
  EXPECT_EQ(error.kind, ErrorKind::timed_out);
}

TEST(RetryPause, follows_what_each_service_asks_for) {
  const auto error = [](Action action, const char* code) {
    return make_error(ErrorKind::unavailable, action, "x", code);
  };
  Duration updating{};
  for (std::uint32_t tries = 1; tries <= 4; ++tries) {
    updating += retry_pause(k_imds, error(Action::retry, "410"), tries);
  }
  EXPECT_GE(updating, seconds{70});
  EXPECT_EQ(retry_pause(k_imds, error(Action::retry, "500"), 1), std::chrono::milliseconds{1600});
  EXPECT_EQ(retry_pause(k_imds, error(Action::retry, "500"), 99), seconds{60});
  EXPECT_EQ(retry_pause(k_workload, error(Action::retry, "503"), 1), seconds{1});
  EXPECT_EQ(retry_pause(k_workload, error(Action::give_up, "401"), 1), seconds{10});
  EXPECT_EQ(retry_pause(k_workload, error(Action::give_up, "401"), 9), seconds{60});
  Error asked = error(Action::retry, "429");
  asked.retry_after = seconds{40};
  EXPECT_EQ(retry_pause(k_workload, asked, 1), seconds{40});
}

TEST(Scope, comes_from_the_address) {
  EXPECT_EQ(event_hubs_scope("contoso.servicebus.windows.net:9093"),
            "https://contoso.servicebus.windows.net/.default");
  EXPECT_EQ(event_hubs_scope("contoso.servicebus.chinacloudapi.cn:9093"),
            "https://contoso.servicebus.chinacloudapi.cn/.default");
}

}  // namespace
}  // namespace penstock::identity
