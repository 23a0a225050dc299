#include "config/environment.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "unit/config/fake_environment.h"

namespace penstock::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;

FakeEnvironment example() {
  return FakeEnvironment{.variables = {{"HOST", "broker.example"},
                                       {"EMPTY", ""},
                                       {"TRICK", "${HOST}"},
                                       {"CREDENTIALS_DIRECTORY", "/run/credentials/x"}},
                         .files = {{"/run/secrets/key", "s3cret==\r\n\n"},
                                   {"/run/secrets/lines", "a\nb\n"},
                                   {"/run/secrets/none", "\n"},
                                   {"/run/credentials/x/hub", "Endpoint=sb://x\n"}}};
}

TEST(Expand, replaces_each_form) {
  struct Case {
    std::string_view text;
    std::string_view expanded;
  };
  constexpr Case k_cases[] = {
      {"plain", "plain"},
      {"", ""},
      {"${HOST}:9092", "broker.example:9092"},
      {"${HOST},${HOST}", "broker.example,broker.example"},
      {"${MISSING:-a b}", "a b"},
      {"${MISSING:-}", ""},
      {"${EMPTY:-used}", "used"},
      {"${HOST:-unused}", "broker.example"},
      {"${EMPTY}", ""},
      {"${file:/run/secrets/key}", "s3cret=="},
      {"${file:/run/secrets/lines}", "a\nb"},
      {"${file:/run/secrets/none}", ""},
      {"${credential:hub}", "Endpoint=sb://x"},
      {"$${HOST}", "${HOST}"},
      {"$$${HOST}", "$${HOST}"},
      {"$ConnectionString", "$ConnectionString"},
      {"a$", "a$"},
      {"$$", "$$"},
      {"}", "}"},
  };
  const FakeEnvironment fake = example();
  for (const Case& c : k_cases) {
    const Result<std::string> expanded = expand(c.text, fake.environment());
    ASSERT_TRUE(expanded.ok()) << c.text << ": " << expanded.error().message;
    EXPECT_EQ(*expanded, c.expanded) << c.text;
  }
}

TEST(Expand, what_it_gives_is_not_expanded_again) {
  const FakeEnvironment fake = example();
  EXPECT_EQ(*expand("${TRICK}", fake.environment()), "${HOST}");
}

TEST(Expand, says_what_is_missing) {
  struct Case {
    std::string_view text;
    std::string_view message;
  };
  constexpr Case k_cases[] = {
      {"${MISSING}",
       "needs the environment variable MISSING, which is not set; set it, or write ${MISSING:-default}"},
      {"x${HOST", "without its }"},
      {"${}", "${...} that is not known"},
      {"${vault:x}", "${...} that is not known"},
      {"${1ST}", "${...} that is not known"},
      {"${A B}", "${...} that is not known"},
      {"${file:/nowhere}", "reading /nowhere: there is none"},
      {"${file:relative}", "relative path"},
      {"${file:}", "relative path"},
      {"${credential:other}", "reading /run/credentials/x/other: there is none"},
      {"${credential:../hub}", "credential that systemd cannot have"},
      {"${credential:..}", "credential that systemd cannot have"},
      {"${credential:}", "credential that systemd cannot have"},
  };
  const FakeEnvironment fake = example();
  for (const Case& c : k_cases) {
    const Result<std::string> expanded = expand(c.text, fake.environment());
    ASSERT_FALSE(expanded.ok()) << c.text;
    EXPECT_THAT(expanded.error().message, HasSubstr(std::string(c.message))) << c.text;
  }
}

TEST(Expand, an_empty_credential_was_never_written) {
  FakeEnvironment fake = FakeEnvironment{.variables = {{"CREDENTIALS_DIRECTORY", "/run/credentials/x"}},
                                         .files = {{"/run/credentials/x/hub", "\n"}}};
  EXPECT_THAT(expand("${credential:hub}", fake.environment()).error().message,
              testing::HasSubstr("needs the credential hub, which is empty"));
}

TEST(Expand, a_credential_needs_systemd) {
  const FakeEnvironment fake;
  EXPECT_THAT(expand("${credential:hub}", fake.environment()).error().message,
              AllOf(HasSubstr("CREDENTIALS_DIRECTORY is not set"), HasSubstr("LoadCredential=hub:/path")));
}

class ProcessEnvironment : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("penstock-environment-test-" + std::to_string(::getpid()));
};

TEST_F(ProcessEnvironment, reads_files_and_refuses_large_ones) {
  const std::string small = directory_ / "small";
  const std::string large = directory_ / "large";
  std::ofstream(small) << std::string(50'000, 's');
  std::ofstream(large) << std::string(2 << 20, 'l');

  const Environment environment = process_environment();
  EXPECT_EQ(environment.read_file(small)->size(), 50'000U);
  EXPECT_THAT(environment.read_file(large).error().message,
              AllOf(HasSubstr(large), HasSubstr("larger than 1 MiB")));
  EXPECT_EQ(environment.read_file(directory_ / "none").error().code, "ENOENT");
  EXPECT_FALSE(environment.read_file(directory_).ok());
}

TEST(ProcessVariables, are_the_process_own) {
  ::setenv("PENSTOCK_TEST_VARIABLE", "here", 1);
  EXPECT_EQ(process_environment().variable("PENSTOCK_TEST_VARIABLE"), "here");
  ::unsetenv("PENSTOCK_TEST_VARIABLE");
  EXPECT_EQ(process_environment().variable("PENSTOCK_TEST_VARIABLE"), std::nullopt);
}

}  // namespace
}  // namespace penstock::config
