#include "identity/token_source.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

namespace penstock::identity {
namespace {

using Variables = std::map<std::string, std::string>;

Surroundings with(Variables variables, std::set<std::string> files = {}) {
  return {
      .variable =
          [variables = std::move(variables)](const std::string& name) {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
          },
      .file_exists = [files = std::move(files)](const std::string& path) { return files.contains(path); }};
}

Options of(Kind kind) {
  Options options;
  options.kind = kind;
  return options;
}

template <class Source>
Source chosen(const Options& options, const Surroundings& surroundings) {
  const Result<Choice> choice = choose_source(options, surroundings);
  EXPECT_TRUE(choice.ok()) << choice.error().message;
  const auto* source = choice.ok() ? std::get_if<Source>(&choice->source) : nullptr;
  EXPECT_NE(source, nullptr);
  return source != nullptr ? *source : Source{};
}

std::string refusal_of(const Options& options, const Surroundings& surroundings) {
  const Result<Choice> choice = choose_source(options, surroundings);
  EXPECT_FALSE(choice.ok());
  return choice.ok() ? std::string() : choice.error().message;
}

const Variables k_aks = {{"AZURE_FEDERATED_TOKEN_FILE", "/var/run/token"},
                         {"AZURE_CLIENT_ID", "client"},
                         {"AZURE_TENANT_ID", "tenant"},
                         {"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"}};

TEST(TokenSource, best_is_a_workload_identity_where_the_environment_has_one) {
  const auto source = chosen<WorkloadIdentity>(of(Kind::best), with(k_aks));
  EXPECT_EQ(source.authority, "https://login.microsoftonline.us");
  EXPECT_EQ(source.tenant_id, "tenant");
  EXPECT_EQ(source.client_id, "client");
  EXPECT_EQ(source.token_file, "/var/run/token");
  EXPECT_EQ(choose_source(of(Kind::best), with(k_aks))->description,
            "workload identity client of tenant tenant, as AZURE_FEDERATED_TOKEN_FILE is set");
}

TEST(TokenSource, best_is_the_machines_identity_elsewhere) {
  const auto source = chosen<ManagedIdentity>(of(Kind::best), with({}));
  EXPECT_EQ(source.service, MetadataService::imds);
  EXPECT_EQ(source.endpoint, "http://169.254.169.254/metadata/identity/oauth2/token");
  EXPECT_EQ(choose_source(of(Kind::best), with({}))->description,
            "the system-assigned managed identity (IMDS), as AZURE_FEDERATED_TOKEN_FILE is not set");
}

TEST(TokenSource, what_is_written_goes_before_the_environment) {
  Options options = of(Kind::workload_identity);
  options.tenant_id = "other";
  options.client_id = "mine";
  options.token_file = "/mine";
  options.authority = "https://login.chinacloudapi.cn";
  const auto source = chosen<WorkloadIdentity>(options, with(k_aks));
  EXPECT_EQ(source.authority, "https://login.chinacloudapi.cn");
  EXPECT_EQ(source.tenant_id + source.client_id + source.token_file, "othermine/mine");
}

TEST(TokenSource, the_metadata_service_is_told_by_the_environment) {
  struct Row {
    Variables variables;
    std::set<std::string> files;
    MetadataService service;
    std::string endpoint;
  };
  for (const Row& row :
       {Row{{{"IDENTITY_ENDPOINT", "http://127.0.0.1:41"}, {"IDENTITY_HEADER", "h"}},
            {},
            MetadataService::app_service,
            "http://127.0.0.1:41"},
        Row{{{"IDENTITY_ENDPOINT", "http://127.0.0.1:42"}, {"IMDS_ENDPOINT", "http://127.0.0.1:43"}},
            {},
            MetadataService::arc,
            "http://127.0.0.1:42"},
        Row{{},
            {"/opt/azcmagent/bin/himds"},
            MetadataService::arc,
            "http://127.0.0.1:40342/metadata/identity/oauth2/token"},
        Row{{{"AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:44/"}},
            {},
            MetadataService::imds,
            "http://127.0.0.1:44/metadata/identity/oauth2/token"},
        Row{{{"IDENTITY_ENDPOINT", "http://127.0.0.1:45"}},
            {},
            MetadataService::imds,
            "http://169.254.169.254/metadata/identity/oauth2/token"}}) {
    const auto source = chosen<ManagedIdentity>(of(Kind::managed_identity), with(row.variables, row.files));
    EXPECT_EQ(source.service, row.service) << row.endpoint;
    EXPECT_EQ(source.endpoint, row.endpoint);
  }
}

TEST(TokenSource, what_is_missing_is_named_with_both_places_for_it) {
  Variables no_tenant = k_aks;
  no_tenant.erase("AZURE_TENANT_ID");
  EXPECT_EQ(refusal_of(of(Kind::best), with(no_tenant)),
            "a workload identity needs tenant_id; write it, or let the environment set AZURE_TENANT_ID");
  EXPECT_EQ(refusal_of(of(Kind::client_secret), with({})), "a client secret needs tenant_id; write it");
  Options options = of(Kind::client_certificate);
  options.tenant_id = "t";
  options.client_id = "c";
  EXPECT_EQ(refusal_of(options, with({})), "a client certificate needs certificate_file; write it");
  options.certificate_file = "/c.pem";
  options.authority = "http://login.example";
  EXPECT_NE(refusal_of(options, with({})).find("is not an address with https://"), std::string::npos);
  Options two = of(Kind::managed_identity);
  two.client_id = "c";
  two.object_id = "o";
  EXPECT_NE(refusal_of(two, with({})).find("keep one"), std::string::npos);
  EXPECT_NE(refusal_of(of(Kind::managed_identity), with({{"IDENTITY_ENDPOINT", "https://x"},
                                                         {"IDENTITY_HEADER", "h"},
                                                         {"IDENTITY_SERVER_THUMBPRINT", "t"}}))
                .find("Service Fabric"),
            std::string::npos);
}

}  // namespace
}  // namespace penstock::identity
