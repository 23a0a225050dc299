#include "azure/credential.h"

#include <chrono>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "azure/blob_requests.h"
#include "azure/connection_string.h"
#include "base/concat.h"
#include "base/types.h"

namespace penstock::azure {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Sas, goes_into_the_query_unchanged_and_no_authorization_is_sent) {
  const Endpoint endpoint = parse_endpoint("https://contoso.blob.core.windows.net/lake").value();
  BlobRequest request = put_block(endpoint, "a.txt", 0, 5);
  authorize(request, make_sas("?sv=2021-12-02&sp=rcw&sig=a%2Bb%3D\n").value(), WallTime{});
  EXPECT_THAT(url_of(request), testing::EndsWith("&sv=2021-12-02&sp=rcw&sig=a%2Bb%3D"));
  for (const auto& [name, value] : request.headers) {
    EXPECT_NE(name, "authorization");
  }
}

TEST(Sas, is_the_whole_query_of_a_request_that_has_none) {
  const Endpoint endpoint = parse_endpoint("https://contoso.blob.core.windows.net/lake").value();
  BlobRequest request = get_blob_properties(endpoint, "a.txt");
  authorize(request, make_sas("sv=1&sig=x").value(), WallTime{});
  EXPECT_EQ(url_of(request), "https://contoso.blob.core.windows.net/lake/a.txt?sv=1&sig=x");
}

TEST(Sas, what_is_no_sas_is_refused_without_being_shown) {
  for (const std::string_view text : {"", "topsecret", "sv=1&xsig=topsecret", "sv=1&sig=top secret",
                                      "https://contoso.blob.core.windows.net/?sv=1&sig=topsecret"}) {
    const auto sas = make_sas(text);
    ASSERT_FALSE(sas.ok()) << text;
    EXPECT_THAT(sas.error().message, Not(HasSubstr("topsecret")));
    EXPECT_EQ(sas.error().kind, ErrorKind::invalid_input);
  }
}

TEST(Sas, a_token_that_was_decoded_on_its_way_is_told) {
  const auto decoded = make_sas("sv=2021-12-02&sp=rcw&sig=top+secret/=");
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.error().message, testing::AllOf(HasSubstr("%2B"), Not(HasSubstr("secret/"))));
  EXPECT_TRUE(make_sas("sv=2021-12-02&sp=rcw&sig=a/b=").ok()) << "the service takes these as they are";
}

TEST(SharedKeyCredential, takes_white_space_off_and_never_shows_a_bad_key) {
  EXPECT_TRUE(make_shared_key("contoso", " c2VjcmV0\n").ok());
  const auto key = make_shared_key("contoso", "topsecret*==");
  ASSERT_FALSE(key.ok());
  EXPECT_THAT(key.error().message, HasSubstr("contoso"));
  EXPECT_THAT(key.error().message, Not(HasSubstr("topsecret")));
  EXPECT_FALSE(make_shared_key("", "c2VjcmV0").ok());
  EXPECT_FALSE(make_shared_key("contoso", "").ok());
}

TEST(ConnectionStringParser, builds_the_endpoint_from_name_and_suffix) {
  const auto parsed = parse_connection_string(
      "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=c2VjcmV0;EndpointSuffix=core."
      "chinacloudapi.cn\n");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->blob_endpoint, "https://contoso.blob.core.chinacloudapi.cn");
  const auto& key = std::get<SharedKey>(parsed->credential);
  EXPECT_EQ(key.account, "contoso");
  EXPECT_EQ(as_text(key.key), "secret");
}

TEST(ConnectionStringParser, takes_keys_in_any_case_and_order_and_leaves_unknown_ones_aside) {
  const auto parsed =
      parse_connection_string(";accountkey=c2VjcmV0;FileEndpoint=https://f/; ACCOUNTNAME = contoso ;;");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->blob_endpoint, "") << "it names no cloud";
  EXPECT_EQ(std::get<SharedKey>(parsed->credential).account, "contoso");
}

TEST(ConnectionStringParser, a_sas_needs_only_the_blob_endpoint) {
  const auto parsed = parse_connection_string(
      "BlobEndpoint=https://contoso.blob.core.windows.net/;SharedAccessSignature=sv=2021&sig=a%3D");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->blob_endpoint, "https://contoso.blob.core.windows.net");
  EXPECT_EQ(std::get<Sas>(parsed->credential).token, "sv=2021&sig=a%3D");
}

TEST(ConnectionStringParser, knows_the_development_storage) {
  const auto parsed = parse_connection_string("UseDevelopmentStorage=true");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->blob_endpoint, "http://127.0.0.1:10000/devstoreaccount1");
  EXPECT_EQ(std::get<SharedKey>(parsed->credential).account, "devstoreaccount1");
}

TEST(ConnectionStringParser, another_store_than_the_sinks_is_told) {
  constexpr std::string_view k_key = ";AccountName=contoso;AccountKey=c2VjcmV0";
  constexpr std::string_view k_sas = ";SharedAccessSignature=sv=1&sig=x";
  struct Row {
    std::string string;
    std::string sink;
    bool same;
  };
  const std::string sink = "https://contoso.blob.core.windows.net/lake/raw";
  const std::string emulator = "http://127.0.0.1:10000/devstoreaccount1/lake";
  const Row rows[] = {
      {concat("BlobEndpoint=https://contoso.blob.core.windows.net/", k_sas), sink, true},
      {concat("BlobEndpoint=https://CONTOSO.blob.core.windows.net:443", k_sas), sink, true},
      {concat("BlobEndpoint=https://contoso.dfs.core.windows.net", k_sas), sink, true},
      {concat("EndpointSuffix=core.windows.net", k_key), sink, true},
      {std::string(k_key), "https://contoso.blob.core.chinacloudapi.cn/lake", true},
      {concat("BlobEndpoint=https://data.example.org/", k_sas), sink, true},  // a domain of one's own
      {concat("EndpointSuffix=core.windows.net", k_key), "https://data.example.org/lake", true},
      {concat("BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1", k_sas),
       "http://localhost:20000/devstoreaccount1/lake", true},
      {"UseDevelopmentStorage=true", emulator, true},
      {concat("BlobEndpoint=https://fabrikam.blob.core.windows.net/", k_sas), sink, false},
      {concat("EndpointSuffix=core.chinacloudapi.cn", k_key), sink, false},
      {"UseDevelopmentStorage=true", sink, false},
      {concat("BlobEndpoint=http://127.0.0.1:10000/other", k_sas), emulator, false},
      {concat("BlobEndpoint=dG9wc2VjcmV0", k_sas), sink, false},
  };
  for (const Row& row : rows) {
    const auto parsed = parse_connection_string(row.string);
    ASSERT_TRUE(parsed.ok()) << row.string << ": " << parsed.error().message;
    const auto checked = check_same_store(*parsed, parse_endpoint(row.sink).value());
    EXPECT_EQ(checked.ok(), row.same) << row.string << " and " << row.sink;
    EXPECT_THAT(checked.ok() ? "" : checked.error().message, Not(HasSubstr("dG9wc2VjcmV0")));
  }
}

TEST(ConnectionStringParser, errors_name_the_key_and_never_a_value) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "AccountKey is missing"},
      {"AccountName=contoso", "AccountKey is missing"},
      {"AccountKey=dG9wc2VjcmV0", "AccountName is missing"},
      {"AccountKey=dG9wc2VjcmV0;BlobEndpoint=https://x.blob.y", "AccountName is missing"},
      {"AccountName=contoso;AccountKey=dG9wc2VjcmV0*", "AccountKey"},
      {"dG9wc2VjcmV0", "part 1"},
      {"AccountName=contoso;SharedAccessSignature=dG9wc2VjcmV0", "SharedAccessSignature"},
      {"AccountName=contoso;AccountKey=dG9wc2VjcmV0;DefaultEndpointsProtocol=http",
       "DefaultEndpointsProtocol"},
  };
  for (const auto& [text, expected] : cases) {
    const auto parsed = parse_connection_string(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr(expected));
    EXPECT_THAT(parsed.error().message, Not(HasSubstr("dG9wc2VjcmV0")));
  }
}

}  // namespace
}  // namespace penstock::azure
