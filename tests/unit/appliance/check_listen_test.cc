#include "appliance/check_listen.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/unique_fd.h"

namespace penstock::appliance {
namespace {

TEST(TryToListen, a_port_that_is_taken_is_told_and_a_free_one_stays_free) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const config::AdminSettings admin{.host = "127.0.0.1", .port = ntohs(address.sin_port)};

  const Result<void> taken = try_to_listen(admin);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().kind, ErrorKind::already_exists);
  EXPECT_NE(taken.error().message.find(std::to_string(admin.port)), std::string::npos)
      << taken.error().message;

  listener.reset();
  EXPECT_TRUE(try_to_listen(admin).ok());
  EXPECT_TRUE(try_to_listen(admin).ok()) << "the first try has let go of it";
}

TEST(TryToListen, an_address_of_another_machine_is_told) {
  const Result<void> tried = try_to_listen({.host = "192.0.2.1", .port = 9464});  // of nobody (RFC 5737)
  ASSERT_FALSE(tried.ok());
  EXPECT_NE(tried.error().kind, ErrorKind::already_exists);
  EXPECT_NE(tried.error().message.find("192.0.2.1"), std::string::npos) << tried.error().message;
}

}  // namespace
}  // namespace penstock::appliance
