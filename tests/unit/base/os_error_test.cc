#include "base/os_error.h"

#include <cerrno>
#include <string>

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(OsError, names_what_was_done_and_what_to_do) {
  const Error error = os_error(ENOSPC, "writing the stage file /s/1");
  EXPECT_EQ(error.kind, ErrorKind::no_space);
  EXPECT_EQ(error.action, Action::retry);
  EXPECT_EQ(error.code, "ENOSPC");
  EXPECT_NE(error.message.find("writing the stage file /s/1: "), std::string::npos);
  EXPECT_NE(error.message.find("free some room"), std::string::npos);
}

TEST(OsError, a_connection_that_fails_is_worth_another_try) {
  for (const int number :
       {ECONNREFUSED, ECONNRESET, ECONNABORTED, EPIPE, ENOTCONN, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL}) {
    const Error error = os_error(number, "connecting to x:1");
    EXPECT_EQ(error.kind, ErrorKind::unavailable) << error.message;
    EXPECT_EQ(error.action, Action::retry) << error.message;
    EXPECT_EQ(error.code.front(), 'E');
    EXPECT_EQ(error.code.find(' '), std::string::npos) << error.code;
  }
}

TEST(OsError, what_no_repeat_mends_is_fatal_and_says_what_to_do) {
  for (const int number : {ENAMETOOLONG, ELOOP, EXDEV, EMLINK, ENXIO, ENOTDIR, EROFS, EACCES}) {
    const Error error = os_error(number, "making x");
    EXPECT_EQ(error.action, Action::fatal) << error.message;
    EXPECT_NE(error.message.find("; "), std::string::npos) << error.message;
    EXPECT_EQ(error.code.find(' '), std::string::npos) << error.code;
  }
}

TEST(OsError, a_number_without_a_row_is_still_told) {
  const Error error = os_error(4711, "opening x");
  EXPECT_EQ(error.kind, ErrorKind::io);
  EXPECT_EQ(error.code, "errno 4711");
}

}  // namespace
}  // namespace penstock
