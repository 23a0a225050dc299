#include "admin/http_text.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/concat.h"

namespace penstock::admin {
namespace {

using State = Request::State;

TEST(ReadRequest, reads_the_path_and_skips_query_and_headers) {
  const struct {
    std::string_view text;
    std::string_view path;
    bool head_only;
  } cases[] = {
      {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "/metrics", false},
      {"GET /metrics?name[]=up HTTP/1.1\r\n\r\n", "/metrics", false},
      {"HEAD /healthz HTTP/1.0\r\n\r\n", "/healthz", true},
      {"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "/", false},
  };
  for (const auto& c : cases) {
    const Request request = read_request(c.text);
    EXPECT_EQ(request.state, State::good) << c.text;
    EXPECT_EQ(request.path, c.path) << c.text;
    EXPECT_EQ(request.head_only, c.head_only) << c.text;
  }
}

TEST(ReadRequest, reads_the_two_headers_that_decide) {
  const std::string_view text =
      "GET / HTTP/1.1\r\nX: y\r\nAUTHORIZATION:  Bearer a b \r\nhost:localhost:80\r\n\r\nHost: "
      "behind\r\n\r\n";
  EXPECT_EQ(read_request(text).authorization, "Bearer a b");
  EXPECT_EQ(read_request(text).host, "localhost:80");
  EXPECT_EQ(read_request("GET / HTTP/1.1\r\n\r\n").authorization, "");
  EXPECT_EQ(read_request("GET / HTTP/1.1\r\nauthorization\r\nX-Authorization: a\r\n\r\n").authorization, "");
}

TEST(ReadRequest, two_of_a_header_that_decides_are_refused) {
  EXPECT_EQ(read_request("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n").status, 400);
  EXPECT_EQ(read_request("GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: a\r\n\r\n").status, 400);
}

TEST(ReadRequest, is_unfinished_until_the_last_byte_of_the_head) {
  const std::string_view text = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_EQ(read_request(text.substr(0, length)).state, State::unfinished) << length;
  }
}

TEST(ReadRequest, refuses_what_it_does_not_serve) {
  const struct {
    std::string_view line;
    int status;
  } cases[] = {
      {"POST /metrics HTTP/1.1", 405},
      {"get /metrics HTTP/1.1", 405},
      {"OPTIONS / HTTP/1.1", 405},
      {"GET metrics HTTP/1.1", 400},
      {"GET http://a/ HTTP/1.1", 400},
      {"GET /metrics HTTP/2.0", 400},
      {"GET /a b HTTP/1.1", 400},
      {"GET  HTTP/1.1", 400},
      {"GET /metrics", 400},
      {"GET", 400},
      {"", 400},
      {"\x16\x03\x01 not http", 400},
  };
  for (const auto& c : cases) {
    const Request request = read_request(concat(c.line, "\r\n\r\n"));
    EXPECT_EQ(request.state, State::refused) << c.line;
    EXPECT_EQ(request.status, c.status) << c.line;
  }
}

TEST(ReadRequest, a_line_may_have_so_many_bytes_and_no_more) {
  const std::size_t around = std::string_view("GET / HTTP/1.1").size();
  const auto line_of = [around](std::size_t bytes) {
    return concat("GET /", std::string(bytes - around, 'a'), " HTTP/1.1");
  };
  EXPECT_EQ(read_request(line_of(k_request_line_bytes_max) + "\r\n\r\n").state, State::good);
  EXPECT_EQ(read_request(line_of(k_request_line_bytes_max) + "\r").state, State::unfinished);
  EXPECT_EQ(read_request(line_of(k_request_line_bytes_max + 1) + "\r\n\r\n").status, 414);
  EXPECT_EQ(read_request(line_of(k_request_line_bytes_max + 2)).status, 414);
}

TEST(ReadRequest, a_head_may_have_so_many_bytes_and_no_more) {
  const std::string_view begin = "GET /metrics HTTP/1.1\r\nX: ";
  const auto head_of = [begin](std::size_t bytes) {
    return concat(begin, std::string(bytes - begin.size() - 4, 'a'), "\r\n\r\n");
  };
  EXPECT_EQ(read_request(head_of(k_head_bytes_max)).state, State::good);
  EXPECT_EQ(read_request(head_of(k_head_bytes_max + 1)).status, 431);
  EXPECT_EQ(read_request(head_of(k_head_bytes_max + 1).substr(0, k_head_bytes_max - 1)).state,
            State::unfinished);
}

TEST(WriteAnswer, tells_type_length_and_that_it_closes) {
  EXPECT_EQ(write_answer({503, "text/plain", "draining\n"}, false),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n"
            "Connection: close\r\n\r\ndraining\n");
}

TEST(WriteAnswer, to_head_has_the_headers_only) {
  EXPECT_EQ(write_answer({200, "text/plain", "ok\n"}, true),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
}

TEST(WriteAnswer, a_method_that_is_refused_is_told_which_there_are) {
  EXPECT_NE(write_answer({405, "text/plain", ""}, false).find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
}

}  // namespace
}  // namespace penstock::admin
