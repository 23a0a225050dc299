// TLS files that change while we run.
#include "crypto/tls_files.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "unit/crypto/certificates.h"
#include "unit/pipeline/fake_clock.h"

namespace penstock::crypto {
namespace {

using std::chrono::seconds;

class TlsFilesTest : public testing::Test {
 protected:
  PemDirectory directory;
  pipeline::FakeClock clock;
  const Identity authority = make_identity({.subject = "authority", .names = {}}, nullptr);
  const Identity own = make_identity({.subject = "own", .names = {}}, &authority);
  const Identity renewed = make_identity({.subject = "own, renewed", .names = {}}, &authority);
  const std::string ca = directory.write("ca.pem", authority);
  const std::string shown = directory.write_with_key("own.pem", own);
};

TEST_F(TlsFilesTest, a_context_stays_until_its_files_change) {
  auto files = TlsFiles::make({.ca = ca, .own = {.certificate = shown, .key = shown}}, clock);
  ASSERT_TRUE(files.ok()) << files.error().message;
  const auto first = (*files)->now();
  clock.advance(seconds(60));
  EXPECT_EQ((*files)->now(), first);

  directory.write_with_key("own.pem", renewed);
  EXPECT_EQ((*files)->now(), first) << "looked at a moment ago";
  clock.advance(seconds(6));
  const auto second = (*files)->now();
  EXPECT_NE(second, first);
  EXPECT_FALSE((*files)->take_fault().has_value());
  clock.advance(seconds(60));
  EXPECT_EQ((*files)->now(), second);

  directory.write("ca.pem", make_identity({.subject = "another authority", .names = {}}, nullptr));
  clock.advance(seconds(6));
  EXPECT_NE((*files)->now(), second);
}

TEST_F(TlsFilesTest, files_that_cannot_be_used_change_nothing_and_are_told_once) {
  auto files = TlsFiles::make({.ca = ca}, clock);
  ASSERT_TRUE(files.ok()) << files.error().message;
  const auto first = (*files)->now();
  directory.write("ca.pem", std::string("half a certifi"));
  clock.advance(seconds(6));
  EXPECT_EQ((*files)->now(), first);
  const auto fault = (*files)->take_fault();
  ASSERT_TRUE(fault.has_value());
  EXPECT_NE(fault->message.find(ca), std::string::npos) << fault->message;
  clock.advance(seconds(60));
  EXPECT_EQ((*files)->now(), first);
  EXPECT_FALSE((*files)->take_fault().has_value());

  directory.write("ca.pem", authority);
  clock.advance(seconds(6));
  EXPECT_NE((*files)->now(), first);
}

TEST_F(TlsFilesTest, what_is_wrong_at_the_beginning_is_an_error) {
  const auto files = TlsFiles::make({.ca = directory.path() + "/none.pem"}, clock);
  ASSERT_FALSE(files.ok());
  EXPECT_NE(files.error().message.find("none.pem"), std::string::npos) << files.error().message;
}

}  // namespace
}  // namespace penstock::crypto
