#include "http/proxy.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace penstock::http {
namespace {

class ProxyTest : public testing::Test {
 protected:
  ProxyTest() { clear(); }
  ~ProxyTest() override { clear(); }

  static void clear() {
    for (const char* name : {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy",
                             "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
      ::unsetenv(name);
    }
  }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
};

TEST_F(ProxyTest, is_the_one_of_the_scheme_and_then_the_one_for_all) {
  EXPECT_FALSE(proxy_of("https://store.example/lake").has_value());
  set("all_proxy", "all.example:8080");
  set("https_proxy", "http://user:secret@proxy.example:3128/");
  const auto of_https = proxy_of("https://store.example/lake");
  ASSERT_TRUE(of_https.has_value());
  EXPECT_EQ(of_https->variable, "https_proxy");
  EXPECT_EQ(of_https->host, "proxy.example");
  EXPECT_EQ(of_https->port, 3128);
  const auto of_http = proxy_of("http://store.example/lake");
  ASSERT_TRUE(of_http.has_value());
  EXPECT_EQ(of_http->variable, "all_proxy");
  EXPECT_EQ(of_http->host, "all.example");
  EXPECT_EQ(of_http->port, 8080);
}

TEST_F(ProxyTest, of_a_program_that_serves_others_is_not_obeyed) {
  set("HTTP_PROXY", "http://proxy.example:3128");
  EXPECT_FALSE(proxy_of("http://store.example/lake").has_value());
}

TEST_F(ProxyTest, without_a_port_has_that_of_libcurl) {
  set("https_proxy", "proxy.example");
  EXPECT_EQ(proxy_of("https://store.example")->port, 1080);
  set("https_proxy", "https://[2001:db8::1]");
  EXPECT_EQ(proxy_of("https://store.example")->port, 443);
  EXPECT_EQ(proxy_of("https://store.example")->host, "2001:db8::1");
}

TEST_F(ProxyTest, stands_for_no_host_that_no_proxy_names) {
  set("https_proxy", "http://proxy.example:3128");
  struct Row {
    const char* no_proxy;
    bool is_excepted;
  };
  for (const Row& row : std::array<Row, 7>{{{"*", true},
                                            {"store.example", true},
                                            {"other.example, .example", true},
                                            {"EXAMPLE", true},
                                            {"ample", false},
                                            {"a.store.example", false},
                                            {"", false}}}) {
    set("no_proxy", row.no_proxy);
    EXPECT_EQ(proxy_of("https://store.example:443/lake").has_value(), !row.is_excepted) << row.no_proxy;
  }
}

TEST_F(ProxyTest, never_stands_for_loopback_nor_for_a_metadata_service) {
  set("http_proxy", "http://proxy.example:3128");
  set("https_proxy", "http://proxy.example:3128");
  for (const char* host : {"127.0.0.1", "127.1.2.3:10000", "localhost:10000", "a.localhost", "[::1]:10000",
                           "169.254.169.254", "LOCALHOST"}) {
    EXPECT_TRUE(is_never_proxied(host)) << host;
    EXPECT_FALSE(proxy_of(std::string("http://") + host + "/x").has_value()) << host;
  }
  for (const char* host : {"127.0.0.1.example", "localhost.example", "10.0.0.1", "1.127.0.0"}) {
    EXPECT_FALSE(is_never_proxied(host)) << host;
    EXPECT_TRUE(proxy_of(std::string("http://") + host + "/x").has_value()) << host;
  }
}

}  // namespace
}  // namespace penstock::http
