#include "admin/access.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/concat.h"
#include "base/types.h"

namespace penstock::admin {
namespace {

constexpr std::string_view k_token = "0123456789abcdef:0123";

std::string basic(std::string_view user_and_password) {
  return concat("Basic ", base64_encode(as_bytes(user_and_password)));
}

TEST(ShowsToken, as_a_bearer_or_as_the_password_of_any_user) {
  EXPECT_TRUE(shows_token(concat("Bearer ", k_token), k_token));
  EXPECT_TRUE(shows_token(concat("bEARER   ", k_token), k_token));
  EXPECT_TRUE(shows_token(basic(concat("anybody:", k_token)), k_token));
  EXPECT_TRUE(shows_token(basic(concat(":", k_token)), k_token));
}

TEST(ShowsToken, nothing_else_does) {
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string(k_token),
        concat("Token ", k_token), concat("Bearer ", k_token, "x"),
        concat("Bearer ", k_token.substr(0, k_token.size() - 1)), concat("Basic ", k_token), basic(k_token),
        basic(concat(k_token, ":")), basic("a:b"), std::string("Basic ===="), std::string("Basic "),
        std::string(8000, 'B')}) {
    EXPECT_FALSE(shows_token(header, k_token)) << header;
  }
}

TEST(ShowsToken, nothing_shows_an_empty_one) {
  for (const std::string& header : {std::string("Bearer "), std::string("Bearer"), basic("a:"), basic(":")}) {
    EXPECT_FALSE(shows_token(header, "")) << header;
  }
}

TEST(NamesAnAddress, addresses_and_localhost_with_or_without_a_port) {
  for (const std::string_view host : {"", "localhost", "LocalHost:9464", "127.0.0.1", "127.0.0.1:9464",
                                      "10.1.2.3:80", "[::1]", "[::1]:9464"}) {
    EXPECT_TRUE(names_an_address(host)) << host;
  }
}

TEST(NamesAnAddress, no_other_name) {
  for (const std::string_view host : std::initializer_list<std::string_view>{
           "example.com", "example.com:9464", "localhost.example.com", "127.0.0.1.example.com", "[::1",
           "[example.com]", "[]:80", "::1x", "127.0.0.1:x", "127.0.0.1:", "[::1]x", "[::1]:80x", ":80",
           std::string_view("127.0.0.1\0.example", 18), std::string_view("[::1\0example]", 13)}) {
    EXPECT_FALSE(names_an_address(host)) << host;
  }
}

}  // namespace
}  // namespace penstock::admin
