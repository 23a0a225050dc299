#include "azure/endpoint.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::azure {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(EndpointParser, takes_each_style_of_address) {
  struct Case {
    std::string_view url;
    std::string_view origin;
    std::string_view base_path;
    std::string_view account;
    std::string_view prefix;
    bool account_is_certain;
  };
  const Case cases[] = {
      {"https://contoso.blob.core.windows.net/lake/raw/api", "https://contoso.blob.core.windows.net", "",
       "contoso", "raw/api", true},
      {"https://contoso.blob.core.windows.net/lake/", "https://contoso.blob.core.windows.net", "", "contoso",
       "", true},
      {"https://Contoso.dfs.core.windows.net:443/lake/raw/", "https://contoso.blob.core.windows.net:443", "",
       "contoso", "raw", true},
      {"https://blobs.contoso.com/lake", "https://blobs.contoso.com", "", "blobs", "", false},
      {"http://127.0.0.1:10000/devstoreaccount1/lake/raw", "http://127.0.0.1:10000", "/devstoreaccount1",
       "devstoreaccount1", "raw", true},
      {"http://localhost:10000/devstoreaccount1/lake", "http://localhost:10000", "/devstoreaccount1",
       "devstoreaccount1", "", true},
      {"http://[::1]:10000/devstoreaccount1/lake", "http://[::1]:10000", "/devstoreaccount1",
       "devstoreaccount1", "", true},
      {"https://azurite/acct/lake", "https://azurite", "/acct", "acct", "", true},
  };
  for (const Case& c : cases) {
    const auto endpoint = parse_endpoint(c.url);
    ASSERT_TRUE(endpoint.ok()) << c.url << ": " << endpoint.error().message;
    EXPECT_EQ(endpoint->origin, c.origin);
    EXPECT_EQ(endpoint->base_path, c.base_path);
    EXPECT_EQ(endpoint->account, c.account);
    EXPECT_EQ(endpoint->container, "lake");
    EXPECT_EQ(endpoint->prefix, c.prefix);
    EXPECT_EQ(endpoint->account_is_certain, c.account_is_certain) << c.url;
  }
}

TEST(EndpointParser, refuses_and_says_what_to_write) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "https://"},
      {"contoso.blob.core.windows.net/lake", "https://"},
      {"ftp://contoso.blob.core.windows.net/lake", "https://"},
      {"http://contoso.blob.core.windows.net/lake", "in the clear"},
      {"http://azurite:10000/a/lake", "in the clear"},
      {"http://127.evil.com/lake", "in the clear"},
      {"https://user:topsecret@contoso.blob.core.windows.net/lake", "sink.auth"},
      {"https://contoso.blob.core.windows.net/lake?sig=topsecret", "sink.auth"},
      {"https:///lake", "no host"},
      {"https://contoso..net/lake", "no host"},
      {"https://contoso.blob.core.windows.net:99999/lake", "no host"},
      {"https://[::1/acct/lake", "no host"},
      {"https://contoso.blob.core.windows.net", "CONTAINER"},
      {"https://contoso.blob.core.windows.net/", "CONTAINER"},
      {"http://127.0.0.1:10000/", "ACCOUNT"},
      {"http://127.0.0.1:10000/devstoreaccount1", "CONTAINER"},
      {"http://127.0.0.1:10000/Dev%20/lake", "account"},
      {"https://contoso.blob.core.windows.net/Lake", "container's name"},
      {"https://contoso.blob.core.windows.net/ab", "container's name"},
      {"https://contoso.blob.core.windows.net/la--ke", "container's name"},
      {"https://contoso.blob.core.windows.net/topsecret_", "container's name"},
      {"https://topsecret_/lake", "no host"},
      {"http://topsecret/a/lake", "in the clear"},
      {"https://contoso.blob.core.windows.net/lake/raw//api", "empty segment"},
      {"https://contoso.blob.core.windows.net/lake/../api", "prefix"},
      {"https://contoso.blob.core.windows.net/lake/a%20b", "prefix"},
  };
  for (const auto& [url, expected] : cases) {
    const auto endpoint = parse_endpoint(url);
    ASSERT_FALSE(endpoint.ok()) << url;
    EXPECT_EQ(endpoint.error().kind, ErrorKind::invalid_input);
    EXPECT_THAT(endpoint.error().message, HasSubstr(expected)) << url;
    EXPECT_THAT(endpoint.error().message, Not(HasSubstr("topsecret"))) << url;
  }
}

TEST(Endpoint, joins_names_to_the_prefix_and_describes_itself) {
  const Endpoint deep = parse_endpoint("https://contoso.dfs.core.windows.net/lake/raw").value();
  EXPECT_EQ(deep.full_name("a/b.txt"), "raw/a/b.txt");
  EXPECT_EQ(deep.description(), "https://contoso.blob.core.windows.net/lake/raw");
  const Endpoint flat = parse_endpoint("http://127.0.0.1:10000/devstoreaccount1/lake").value();
  EXPECT_EQ(flat.full_name("a/b.txt"), "a/b.txt");
  EXPECT_EQ(flat.description(), "http://127.0.0.1:10000/devstoreaccount1/lake");
}

}  // namespace
}  // namespace penstock::azure
