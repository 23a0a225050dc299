#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/body_reader.h"
#include "http/curl_errors.h"
#include "http/message.h"

namespace penstock::http {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string read_in_steps(BodyReader& reader, std::size_t step) {
  std::string all;
  std::vector<std::byte> buffer(step);
  while (const std::size_t bytes = reader.read(buffer)) {
    all += as_text(Bytes(buffer).first(bytes));
  }
  return all;
}

TEST(BodyReader, gives_the_pieces_as_one_stream_for_any_step_and_from_any_offset) {
  const std::string_view whole = "abcdefgh";
  for (std::size_t step = 1; step <= 9; ++step) {
    BodyReader reader({as_bytes("abc"), {}, as_bytes("d"), as_bytes("efgh"), {}});
    EXPECT_EQ(reader.size(), whole.size());
    EXPECT_EQ(read_in_steps(reader, step), whole);
    for (std::size_t offset = 0; offset <= whole.size(); ++offset) {
      ASSERT_TRUE(reader.seek(offset));
      EXPECT_EQ(read_in_steps(reader, step), whole.substr(offset));
    }
    EXPECT_FALSE(reader.seek(whole.size() + 1));
  }
}

TEST(BodyReader, what_is_taken_is_told_in_order_and_again_after_going_back) {
  const std::string big(200'000, 'x');
  std::uint64_t next = 0;
  std::string told;
  BodyReader reader({as_bytes("abc"), {}, as_bytes(big)}, [&](std::uint64_t offset, Bytes bytes) {
    EXPECT_EQ(offset, next);
    EXPECT_LE(bytes.size(), 65'536U);
    next = offset + bytes.size();
    told += as_text(bytes);
  });
  EXPECT_EQ(read_in_steps(reader, 100'000), "abc" + big);
  EXPECT_EQ(told, "abc" + big);
  ASSERT_TRUE(reader.seek(2));
  next = 2;
  told.clear();
  EXPECT_EQ(read_in_steps(reader, 7), "c" + big);
  EXPECT_EQ(told, "c" + big);
}

TEST(HostOf, is_without_scheme_user_path_and_query) {
  EXPECT_EQ(host_of("https://contoso.blob.core.windows.net/lake/a?sig=x"), "contoso.blob.core.windows.net");
  EXPECT_EQ(host_of("http://127.0.0.1:10000?sig=x"), "127.0.0.1:10000");
  EXPECT_EQ(host_of("http://user:secret@host/"), "host");
}

TEST(CurlErrors, code_decides_kind_and_action) {
  struct Case {
    CURLcode code;
    std::string_view name;
    ErrorKind kind;
    Action action;
  };
  const Case cases[] = {
      {CURLE_URL_MALFORMAT, "CURLE_URL_MALFORMAT", ErrorKind::invalid_input, Action::fatal},
      {CURLE_UNSUPPORTED_PROTOCOL, "CURLE_UNSUPPORTED_PROTOCOL", ErrorKind::invalid_input, Action::fatal},
      {CURLE_COULDNT_RESOLVE_HOST, "CURLE_COULDNT_RESOLVE_HOST", ErrorKind::unavailable, Action::retry},
      {CURLE_COULDNT_CONNECT, "CURLE_COULDNT_CONNECT", ErrorKind::unavailable, Action::retry},
      {CURLE_OPERATION_TIMEDOUT, "CURLE_OPERATION_TIMEDOUT", ErrorKind::timed_out, Action::retry},
      {CURLE_PEER_FAILED_VERIFICATION, "CURLE_PEER_FAILED_VERIFICATION", ErrorKind::unavailable,
       Action::fatal},
      {CURLE_SSL_CACERT_BADFILE, "CURLE_SSL_CACERT_BADFILE", ErrorKind::invalid_input, Action::fatal},
      {CURLE_SSL_CONNECT_ERROR, "CURLE_SSL_CONNECT_ERROR", ErrorKind::unavailable, Action::retry},
      {CURLE_SEND_ERROR, "CURLE_SEND_ERROR", ErrorKind::unavailable, Action::retry},
      {CURLE_RECV_ERROR, "CURLE_RECV_ERROR", ErrorKind::unavailable, Action::retry},
      {CURLE_GOT_NOTHING, "CURLE_GOT_NOTHING", ErrorKind::unavailable, Action::retry},
      {CURLE_PARTIAL_FILE, "CURLE_PARTIAL_FILE", ErrorKind::unavailable, Action::retry},
      {CURLE_WRITE_ERROR, "CURLE_WRITE_ERROR", ErrorKind::unavailable, Action::retry},
      {CURLE_OUT_OF_MEMORY, "CURLE_OUT_OF_MEMORY", ErrorKind::unavailable, Action::retry},
      {CURLE_FTP_WEIRD_PASV_REPLY, "CURLE 13", ErrorKind::unavailable, Action::retry},
  };
  for (const Case& c : cases) {
    const Error error = curl_error(c.code, "contoso.example", "why");
    EXPECT_EQ(error.kind, c.kind) << c.name;
    EXPECT_EQ(error.action, c.action) << c.name;
    EXPECT_EQ(error.code, c.name);
    EXPECT_THAT(error.message, HasSubstr("contoso.example"));
    EXPECT_THAT(error.message, HasSubstr("(why)"));
  }
}

TEST(CurlErrors, a_proxy_of_the_environment_is_named_by_its_variable_alone) {
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"}) {
    ::unsetenv(name);
  }
  EXPECT_EQ(proxy_advice("https://host/"), "");
  ::setenv("https_proxy", "http://user:topsecret@proxy:3128", 1);
  EXPECT_THAT(proxy_advice("https://host/"), HasSubstr("https_proxy is set"));
  EXPECT_THAT(proxy_advice("https://host/"), Not(HasSubstr("topsecret")));
  EXPECT_EQ(proxy_advice("http://host/"), "");
  ::setenv("ALL_PROXY", "http://proxy:3128", 1);
  EXPECT_THAT(proxy_advice("http://host/"), HasSubstr("ALL_PROXY is set"));
  EXPECT_EQ(proxy_advice("http://127.0.0.1/"), "") << "loopback is never reached by a proxy";
  ::unsetenv("https_proxy");
  ::unsetenv("ALL_PROXY");
}

TEST(CurlErrors, a_detail_with_a_query_is_not_repeated) {
  EXPECT_THAT(curl_error(CURLE_URL_MALFORMAT, "host", "bad url http://host/?sig=topsecret").message,
              Not(HasSubstr("topsecret")));
}

}  // namespace
}  // namespace penstock::http
