// The keys that say who we are to Entra, on both sides.
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "unit/config/fake_environment.h"

namespace penstock::config {
namespace {

using testing::HasSubstr;
using testing::Not;

enum class Of { source, sink };

std::string text(Of side, const std::string& auth) {
  const std::string own = ", auth: {" + auth + "}";
  return "name: n\nsource: {brokers: [contoso.servicebus.windows.net:9093], topics: [t]" +
         (side == Of::source ? own : "") + "}\nsink: {url: " +
         (side == Of::sink ? "https://contoso.blob.core.windows.net/lake" + own : "file:///srv/lake") + "}\n";
}

Result<Settings> loaded(Of side, const std::string& auth) {
  const FakeEnvironment fake{.variables = {{"SECRET", "hunter2"}}, .files = {}};
  return load_text(text(side, auth), "f.yaml", fake.environment());
}

std::string error_of(Of side, const std::string& auth) {
  const Result<Settings> settings = loaded(side, auth);
  return settings.ok() ? "(no error)" : settings.error().message;
}

const IdentitySettings& identity_of(Of side, const Settings& settings) {
  return side == Of::source ? settings.source.auth.identity : settings.sink.auth.identity;
}

TEST(IdentityKeys, each_kind_has_a_word_on_both_sides) {
  const std::pair<std::string, identity::Kind> words[] = {
      {"type: entra", identity::Kind::best},
      {"type: managed-identity", identity::Kind::managed_identity},
      {"type: workload-identity", identity::Kind::workload_identity},
      {"type: client-secret, tenant_id: t, client_id: c, client_secret: \"${SECRET}\"",
       identity::Kind::client_secret},
      {"type: client-certificate, tenant_id: t, client_id: c, certificate_file: /etc/app.pem",
       identity::Kind::client_certificate},
  };
  for (const Of side : {Of::source, Of::sink}) {
    for (const auto& [words_of_it, kind] : words) {
      const Result<Settings> settings = loaded(side, words_of_it);
      ASSERT_TRUE(settings.ok()) << settings.error().message;
      EXPECT_EQ(identity_of(side, *settings).kind, kind) << words_of_it;
      EXPECT_EQ(settings->source.auth.type == source::AuthType::entra, side == Of::source);
      EXPECT_EQ(settings->sink.auth.type == SinkAuthType::entra, side == Of::sink);
    }
  }
}

TEST(IdentityKeys, each_key_reaches_its_field) {
  for (const Of side : {Of::source, Of::sink}) {
    const Result<Settings> application =
        loaded(side,
               "type: client-secret, tenant_id: contoso.onmicrosoft.com, client_id: 1b-2, client_secret: "
               "\"${SECRET}\", authority: \"https://login.microsoftonline.us/\", authority_ca: /etc/ca.pem");
    ASSERT_TRUE(application.ok()) << application.error().message;
    EXPECT_EQ(identity_of(side, *application).tenant_id, "contoso.onmicrosoft.com");
    EXPECT_EQ(identity_of(side, *application).client_id, "1b-2");
    EXPECT_EQ(identity_of(side, *application).client_secret.reveal(), "hunter2");
    EXPECT_EQ(identity_of(side, *application).authority, "https://login.microsoftonline.us");
    EXPECT_EQ(identity_of(side, *application).authority_ca, "/etc/ca.pem");
    const Result<Settings> machine = loaded(
        side, "type: managed-identity, resource_id: /subscriptions/1/x/userAssignedIdentities/penstock");
    ASSERT_TRUE(machine.ok()) << machine.error().message;
    EXPECT_EQ(identity_of(side, *machine).resource_id, "/subscriptions/1/x/userAssignedIdentities/penstock");
    EXPECT_EQ(identity_of(side, *machine).authority, "");
    EXPECT_EQ(identity_of(side, *machine).authority_ca, "system");
    const Result<Settings> object = loaded(side, "type: managed-identity, object_id: 1b-2");
    ASSERT_TRUE(object.ok()) << object.error().message;
    EXPECT_EQ(identity_of(side, *object).object_id, "1b-2");
    const Result<Settings> pod = loaded(side, "type: workload-identity, token_file: /run/token");
    ASSERT_TRUE(pod.ok()) << pod.error().message;
    EXPECT_EQ(side == Of::source ? pod->source.auth.token_file : pod->sink.auth.identity.token_file,
              "/run/token");
    const Result<Settings> certificate =
        loaded(side, "type: client-certificate, tenant_id: t, client_id: c, certificate_file: /etc/app.pem");
    ASSERT_TRUE(certificate.ok()) << certificate.error().message;
    EXPECT_EQ(identity_of(side, *certificate).certificate_file, "/etc/app.pem");
  }
}

TEST(IdentityKeys, tokens_are_shown_over_tls_and_for_the_namespace) {
  const Result<Settings> hubs = loaded(Of::source, "type: entra");
  ASSERT_TRUE(hubs.ok()) << hubs.error().message;
  EXPECT_TRUE(uses_tls(hubs->source));
  EXPECT_EQ(hubs->source.auth.scope, "");
  const FakeEnvironment none;
  const Result<Settings> other = load_text(
      "name: n\nsource: {brokers: [kafka:9094], topics: [t], auth: {type: entra, scope: "
      "\"https://contoso.servicebus.windows.net/.default\"}}\nsink: {url: \"null:\"}\n",
      "f.yaml", none.environment());
  ASSERT_TRUE(other.ok()) << other.error().message;
  EXPECT_TRUE(uses_tls(other->source));
  EXPECT_EQ(other->source.auth.scope, "https://contoso.servicebus.windows.net/.default");
}

TEST(IdentityKeys, what_does_not_fit_the_kind_is_refused) {
  struct Case {
    std::string auth;
    std::string message;  // "@" is "source.auth" or "sink.auth"
  };
  const Case cases[] = {
      {"type: client-secret, client_id: c, client_secret: \"${SECRET}\"",
       "@.tenant_id: is required with this @.type; write the id of the application's tenant"},
      {"type: client-secret, tenant_id: t, client_secret: \"${SECRET}\"",
       "@.client_id: is required with this @.type; write the application's client id"},
      {"type: client-secret, tenant_id: t, client_id: c",
       "@.client_secret: is required with this @.type; write ${file:/path} or ${credential:name}, in quotes"},
      {"type: client-certificate, tenant_id: t, client_id: c",
       "@.certificate_file: is required with this @.type; write the absolute path of a PEM file"},
      {"type: managed-identity, tenant_id: t",
       "@.tenant_id: is not used with this @.type; remove it, or change the type"},
      {"type: managed-identity, authority: \"https://a\"",
       "@.authority: is not used with this @.type; remove it, or change the type"},
      {"type: managed-identity, client_id: c, object_id: o",
       "@.object_id: is one of client_id, object_id and resource_id, which name one identity each; keep one"},
      {"type: workload-identity, object_id: o", "@.object_id: is not used with this @.type"},
      {"type: entra, client_secret: \"${SECRET}\"", "@.client_secret: is not used with this @.type"},
      {"type: managed-identity, client_id: \"c&resource=x\"", "@.client_id: is no id; write letters, digits"},
      {"type: managed-identity, resource_id: penstock",
       "@.resource_id: is no resource id; write /subscriptions/"},
      {"type: entra, authority: login.microsoftonline.us",
       "@.authority: is not https:// and a host; write https://login.microsoftonline.us"},
      {"type: entra, authority: \"https://login.microsoftonline.us/tenant\"",
       "@.authority: is not https:// and"},
      {"type: entra, authority: \"http://login.microsoftonline.us\"",
       "@.authority: is not https:// and a host"},
      {"type: entra, authority_ca: ca.pem", "@.authority_ca: is not an absolute path"},
      {"type: workload-identity, token_file: token", "@.token_file: is not an absolute path"},
      {"type: none, tenant_id: t", "@.tenant_id: is not used with this @.type"},
  };
  for (const Of side : {Of::source, Of::sink}) {
    const std::string section = side == Of::source ? "source.auth" : "sink.auth";
    for (const Case& c : cases) {
      if (side == Of::sink && c.auth.starts_with("type: none")) {
        continue;  // a sink in Azure has some type
      }
      std::string message = c.message;
      for (std::size_t at = message.find('@'); at != std::string::npos; at = message.find('@')) {
        message.replace(at, 1, section);
      }
      const std::string error = error_of(side, c.auth);
      EXPECT_THAT(error, HasSubstr(message)) << c.auth;
      EXPECT_EQ(error.find('\n'), std::string::npos) << error;
      EXPECT_THAT(error, Not(HasSubstr("hunter2")));
    }
  }
}

}  // namespace
}  // namespace penstock::config
